#include "mover/control_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <string>
#include <system_error>

#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

using pg::Failure;
using pg::FailureKind;
using planner::Descriptor;

constexpr mode_t kOwnerOnly = 0600;
constexpr int kWaitingConnections = 128;

Failure cannot(const std::string& act, const std::filesystem::path& path, int error) {
  return Failure(FailureKind::local,
                 "cannot " + act + " the socket " + path.string() + ": " + std::generic_category().message(error));
}

std::string name_in_proc(const Descriptor& descriptor) {
  return "/proc/self/fd/" + std::to_string(descriptor.get());
}

// `path` must fit.
sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

// What bind() and connect() take.
const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Descriptor new_socket() {
  return Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

}  // namespace

std::filesystem::path control_socket_of(const std::filesystem::path& checkpoint) {
  std::filesystem::path path = checkpoint;
  return path += ".sock";
}

Descriptor listen_at(const std::filesystem::path& path) {
  const std::filesystem::path folder_path = path.has_parent_path() ? path.parent_path() : ".";
  const Descriptor folder(open(folder_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) {
    throw cannot("make", path, errno);
  }
  // Under a short name first, because the final one may be too long for an address; and what appears under that one
  // listens already.
  const std::string temporary = ".pgsluice-" + std::to_string(std::random_device()()) + ".sock";
  const sockaddr_un address = address_of(name_in_proc(folder) + "/" + temporary);
  Descriptor listener = new_socket();
  // Linux gives the file the mode of the socket.
  if (listener.get() < 0 || fchmod(listener.get(), kOwnerOnly) != 0 ||
      bind(listener.get(), generic(address), sizeof address) != 0) {
    throw cannot("make", path, errno);
  }
  if (listen(listener.get(), kWaitingConnections) != 0 ||
      renameat(folder.get(), temporary.c_str(), folder.get(), path.filename().c_str()) != 0) {
    const int error = errno;
    unlinkat(folder.get(), temporary.c_str(), 0);
    throw cannot("make", path, error);
  }
  return listener;
}

void remove_socket(const std::filesystem::path& path) {
  unlinkat(AT_FDCWD, path.c_str(), 0);
}

std::optional<Descriptor> connect_to(const std::filesystem::path& path) {
  const Descriptor place(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (place.get() < 0) {
    if (errno == ENOENT) {
      return std::nullopt;
    }
    throw cannot("open", path, errno);
  }
  const sockaddr_un address = address_of(name_in_proc(place));
  Descriptor connection = new_socket();
  if (connection.get() < 0) {
    throw cannot("open", path, errno);
  }
  if (connect(connection.get(), generic(address), sizeof address) != 0) {
    if (errno == ECONNREFUSED || errno == ENOENT || errno == EAGAIN) {
      return std::nullopt;
    }
    throw cannot("connect to", path, errno);
  }
  return connection;
}

std::optional<uid_t> peer_of(const Descriptor& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return std::nullopt;
  }
  return peer.uid;
}

bool may_steer(uid_t user, uid_t mover) {
  return user == mover || user == 0;
}

}  // namespace pgsluice::mover
