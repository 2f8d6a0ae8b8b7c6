// The Unix socket through which a running mover is steered: where it is, who may use it, and how both sides get at it.
// It stands beside the checkpoint, whose lock says that at most one mover listens there. Knows nothing of what is said.
//
// Linux: a path of any length is reached through /proc/self/fd, because a socket's address holds only 108 bytes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>

#include "planner/descriptor.hpp"

namespace pgsluice::mover {

// A request and its answer are a line of JSON each, with its line feed no longer than this.
inline constexpr std::size_t kControlLineMax = 64 * 1024;

// FILE.sock.
std::filesystem::path control_socket_of(const std::filesystem::path& checkpoint);

// Listens at `path`, not blocking, mode 0600 from the moment at which it is there; one that a killed mover left there
// is replaced. The caller holds the checkpoint's lock, and removes the socket at its end. Fails: local.
planner::Descriptor listen_at(const std::filesystem::path& path);
void remove_socket(const std::filesystem::path& path);

// Not blocking. Nothing where nobody listens, or nobody takes the many who knock. Fails: local, if the way there is
// barred.
std::optional<planner::Descriptor> connect_to(const std::filesystem::path& path);

// Who is on the other side; nothing if the kernel does not tell.
std::optional<uid_t> peer_of(const planner::Descriptor& socket);
// Whether a user may steer the mover of another one: they are the same, or the first is root.
bool may_steer(uid_t user, uid_t mover);

}  // namespace pgsluice::mover
