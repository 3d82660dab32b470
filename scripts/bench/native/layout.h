// layout.h - the shape of a generated tree, so that a client knows every name without asking the file system.
//
// File k of a tree stands in directory k / filesPerDirectory; directory j stands in group j / 20:
//   a003/d00067/f0006712
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "args.h"

namespace bench {

class Layout {
 public:
  // Reads --dirs and --files.
  explicit Layout(const Args& args);

  [[nodiscard]] std::uint64_t directories() const { return directories_; }
  [[nodiscard]] std::uint64_t files() const { return files_; }
  [[nodiscard]] std::uint64_t groups() const;
  [[nodiscard]] std::string group(std::uint64_t group) const;
  [[nodiscard]] std::string directory(std::uint64_t directory) const;
  [[nodiscard]] std::string file(std::uint64_t file) const;
  // The directory that file k stands in.
  [[nodiscard]] std::string directoryOfFile(std::uint64_t file) const;
  // All files, below `root`, in the order of their numbers.
  [[nodiscard]] std::vector<std::string> filePaths(const std::string& root) const;

 private:
  std::uint64_t directories_;
  std::uint64_t files_;
  std::uint64_t filesPerDirectory_;
};

}  // namespace bench
