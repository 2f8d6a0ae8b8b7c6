// The seam to the disk: a file that is appended to, synced, replaced as a whole, and locked. Knows nothing of what is
// in it. And a folder of files that nobody appends to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pgsluice::planner {

// An append-only file of this process, mode 0600, with an exclusive lock on it (Linux open file description lock).
class DurableFile {
 public:
  // Writes `content` to a file that must not exist yet. It is there wholly or not at all.
  // Fails: refused, if it exists; local, if it cannot be written.
  static DurableFile create(const std::filesystem::path& path, std::string_view content);

  // Opens and locks. Fails: refused, if there is none, it may not be read, or another process has it locked.
  static DurableFile open(const std::filesystem::path& path);

  // The whole content, read without a lock. Fails: refused, if there is none or it may not be read.
  static std::string read(const std::filesystem::path& path);

  // Whether some process holds the lock now.
  static bool is_locked(const std::filesystem::path& path);

  DurableFile(DurableFile&& other) noexcept;
  DurableFile& operator=(DurableFile&& other) noexcept;
  ~DurableFile();

  std::string content() const;
  // Appends and syncs. When that fails, the file is cut back to what it was, and Failure(local) says why.
  void append(std::string_view bytes);
  // Cuts the file back to its first `size` bytes and syncs.
  void truncate(std::uint64_t size);
  // Puts `content` in the place of the whole file, with the lock kept: temporary file, sync, rename, sync of the
  // folder.
  void replace(std::string_view content);
  std::uint64_t size() const { return size_; }

 private:
  DurableFile(std::filesystem::path path, int descriptor, std::uint64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

struct NamedContent {
  std::string name;  // Of the file, without a folder.
  std::string content;
};

// Before anything is done: Fails: refused, when create_folder() would not take the path as it is now.
void refuse_used_folder(const std::filesystem::path& path);

// A folder of these files, for everybody whom the umask lets read them. It is there wholly or not at all; where there
// is an empty folder, it takes its place. Fails: refused, if it exists and is not empty or no folder, or if the folder
// above cannot be written; local, if a file cannot be written.
void create_folder(const std::filesystem::path& path, const std::vector<NamedContent>& files);

}  // namespace pgsluice::planner
