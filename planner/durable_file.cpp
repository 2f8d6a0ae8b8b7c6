#include "planner/durable_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include "pg/failure.hpp"
#include "planner/descriptor.hpp"

namespace pgsluice::planner {

namespace {

using pg::Failure;
using pg::FailureKind;

constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;

std::string reason(int error) {
  char buffer[256];
  return strerror_r(error, buffer, sizeof buffer);
}

Failure cannot(std::string_view act, const std::filesystem::path& path, int error) {
  return Failure(FailureKind::local, "cannot " + std::string(act) + " " + path.string() + ": " + reason(error));
}

// 0 when everything was written, else errno.
int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      return errno;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

std::string read_all(int descriptor, const std::filesystem::path& path) {
  constexpr std::size_t kPieceBytes = 64 * 1024;
  std::string content;
  off_t at = 0;
  while (true) {
    content.resize(static_cast<std::size_t>(at) + kPieceBytes);
    const ssize_t size = pread(descriptor, content.data() + at, kPieceBytes, at);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0) {
      throw cannot("read", path, errno);
    }
    at += size;
    if (size == 0) {
      content.resize(static_cast<std::size_t>(at));
      return content;
    }
  }
}

flock whole_file() {
  flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool try_lock(int descriptor) {
  flock lock = whole_file();
  return fcntl(descriptor, F_OFD_SETLK, &lock) == 0;
}

void sync_folder_of(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0 || fsync(descriptor.get()) != 0) {
    throw cannot("sync", folder, errno);
  }
}

// A locked, synced file beside `path`, ready to be renamed.
struct Temporary {
  std::filesystem::path path;
  int descriptor;
};

Temporary write_temporary(const std::filesystem::path& path, std::string_view content) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  unlink(temporary.c_str());  // Left by a crash; its owner would hold the lock of the file itself.
  Descriptor descriptor(::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND, kOwnerOnly));
  if (descriptor.get() < 0) {
    throw cannot("create", temporary, errno);
  }
  int error = write_all(descriptor.get(), content);
  if (error == 0 && fsync(descriptor.get()) != 0) {
    error = errno;
  }
  if (error == 0 && !try_lock(descriptor.get())) {
    error = errno;
  }
  if (error != 0) {
    unlink(temporary.c_str());
    throw cannot("write", temporary, error);
  }
  return {std::move(temporary), descriptor.release()};
}

Failure missing_or_unreadable(const std::filesystem::path& path, int error) {
  Failure failure(FailureKind::refused, "cannot open checkpoint " + path.string() + ": " + reason(error));
  failure.hint(error == ENOENT ? "Make one with `pgsluice plan`, or name it with --checkpoint FILE."
                               : "A checkpoint is readable only by the user who made it.");
  return failure;
}

}  // namespace

DurableFile DurableFile::create(const std::filesystem::path& path, std::string_view content) {
  const Temporary temporary = write_temporary(path, content);
  Descriptor descriptor(temporary.descriptor);
  if (renameat2(AT_FDCWD, temporary.path.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    const int error = errno;
    unlink(temporary.path.c_str());
    if (error == EEXIST) {
      throw Failure(FailureKind::refused, "checkpoint " + path.string() + " exists already")
          .hint(
              "Go on with `pgsluice run`, undo it with `pgsluice rollback`, or choose another file with --checkpoint.");
    }
    throw cannot("create", path, error);
  }
  sync_folder_of(path);
  return {path, descriptor.release(), content.size()};
}

DurableFile DurableFile::open(const std::filesystem::path& path) {
  while (true) {
    Descriptor descriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_APPEND));
    if (descriptor.get() < 0) {
      throw missing_or_unreadable(path, errno);
    }
    if (!try_lock(descriptor.get())) {
      throw Failure(FailureKind::refused, "checkpoint " + path.string() + " is in use by another pgsluice")
          .hint("One mover at a time works on a checkpoint. `pgsluice status` shows what it does.");
    }
    struct stat opened {};
    struct stat named {};
    if (fstat(descriptor.get(), &opened) != 0) {
      throw cannot("inspect", path, errno);
    }
    if (stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev) {
      return {path, descriptor.release(), static_cast<std::uint64_t>(opened.st_size)};
    }
    // It was replaced between opening and locking: this is the old file. Once more.
  }
}

std::string DurableFile::read(const std::filesystem::path& path) {
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.get() < 0) {
    throw missing_or_unreadable(path, errno);
  }
  return read_all(descriptor.get(), path);
}

bool DurableFile::is_locked(const std::filesystem::path& path) {
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  flock lock = whole_file();
  return descriptor.get() >= 0 && fcntl(descriptor.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

DurableFile::DurableFile(DurableFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

DurableFile& DurableFile::operator=(DurableFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

DurableFile::~DurableFile() {
  if (descriptor_ >= 0) {
    close(descriptor_);
  }
}

std::string DurableFile::content() const {
  return read_all(descriptor_, path_);
}

void DurableFile::append(std::string_view bytes) {
  int error = write_all(descriptor_, bytes);
  if (error == 0 && fdatasync(descriptor_) != 0) {
    error = errno;
  }
  if (error != 0) {
    const bool is_cut = ftruncate(descriptor_, static_cast<off_t>(size_)) == 0;
    throw cannot("write", path_, error)
        .status(
            is_cut
                ? "the checkpoint is as it was before this record; the ledger has what is done"
                : "the checkpoint may end in a torn record, which the next run cuts off; the ledger has what is done");
  }
  size_ += bytes.size();
}

void DurableFile::truncate(std::uint64_t size) {
  if (ftruncate(descriptor_, static_cast<off_t>(size)) != 0 || fsync(descriptor_) != 0) {
    throw cannot("truncate", path_, errno);
  }
  size_ = size;
}

void DurableFile::replace(std::string_view content) {
  const Temporary temporary = write_temporary(path_, content);
  Descriptor descriptor(temporary.descriptor);
  if (std::rename(temporary.path.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    unlink(temporary.path.c_str());
    throw cannot("replace", path_, error);
  }
  close(std::exchange(descriptor_, descriptor.release()));
  size_ = content.size();
  sync_folder_of(path_);
}

namespace {

// Without the slashes at its end, behind which there is no name.
std::filesystem::path without_slash(const std::filesystem::path& path) {
  return path.has_filename() || !path.has_parent_path() ? path : path.parent_path();
}

Failure cannot_make_folder(const std::filesystem::path& path, int error) {
  return Failure(FailureKind::refused, "cannot make the folder " + path.string() + ": " + reason(error))
      .hint("Name a folder in one that exists and that you may write to.")
      .status("nothing was changed");
}

void write_synced(const std::filesystem::path& path, std::string_view content) {
  constexpr mode_t kAsUmaskSays = 0666;
  const Descriptor descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kAsUmaskSays));
  if (descriptor.get() < 0) {
    throw cannot("create", path, errno);
  }
  int error = write_all(descriptor.get(), content);
  if (error == 0 && fsync(descriptor.get()) != 0) {
    error = errno;
  }
  if (error != 0) {
    throw cannot("write", path, error);
  }
}

// An empty folder beside `path` that nobody else has.
std::filesystem::path make_folder_beside(const std::filesystem::path& path) {
  constexpr mode_t kAsUmaskSays = 0777;
  constexpr int kNamesMax = 100;
  for (int i = 0; i < kNamesMax; ++i) {
    std::filesystem::path folder = path;
    folder += ".tmp" + std::to_string(getpid()) + (i == 0 ? "" : "-" + std::to_string(i));
    if (mkdir(folder.c_str(), kAsUmaskSays) == 0) {
      return folder;
    }
    if (errno != EEXIST) {
      throw cannot_make_folder(path, errno);
    }
  }
  throw cannot_make_folder(path, EEXIST);
}

}  // namespace

void refuse_used_folder(const std::filesystem::path& given) {
  const std::filesystem::path path = without_slash(given);
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::symlink_status(path, error);
  if (status.type() != std::filesystem::file_type::not_found && status.type() != std::filesystem::file_type::none) {
    if (status.type() != std::filesystem::file_type::directory) {
      throw cannot_make_folder(path, EEXIST);
    }
    if (!std::filesystem::is_empty(path, error) || error) {
      throw Failure(FailureKind::refused, "the folder " + path.string() + " is not empty")
          .detail("Files of two migrations side by side would be taken for those of one.")
          .hint("Name another folder, or empty this one.")
          .status("nothing was changed");
    }
  }
  const std::filesystem::path above = path.has_parent_path() ? path.parent_path() : ".";
  if (access(above.c_str(), W_OK | X_OK) != 0) {
    throw cannot_make_folder(path, errno);
  }
}

void create_folder(const std::filesystem::path& given, const std::vector<NamedContent>& files) {
  refuse_used_folder(given);
  const std::filesystem::path path = without_slash(given);
  const std::filesystem::path temporary = make_folder_beside(path);
  try {
    for (const NamedContent& file : files) {
      write_synced(temporary / file.name, file.content);
    }
    sync_folder_of(temporary / ".");
    if (std::rename(temporary.c_str(), path.c_str()) != 0) {  // Of an empty folder at most.
      throw cannot_make_folder(path, errno);
    }
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove_all(temporary, ignored);
    throw;
  }
  sync_folder_of(path);
}

}  // namespace pgsluice::planner
