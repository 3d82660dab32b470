// layout.cc - see layout.h.
#include "layout.h"

#include <cstdio>

#include "report.h"

namespace bench {

namespace {

constexpr std::uint64_t kDirectoriesPerGroup = 20;

std::string numbered(char letter, int width, std::uint64_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "%c%0*llu", letter, width, static_cast<unsigned long long>(number));
  return text;
}

}  // namespace

Layout::Layout(const Args& args) : directories_(args.number("dirs")), files_(args.number("files")), filesPerDirectory_(1) {
  if (directories_ == 0) usage("--dirs must not be 0");
  filesPerDirectory_ = (files_ + directories_ - 1) / directories_;
}

std::uint64_t Layout::groups() const { return (directories_ + kDirectoriesPerGroup - 1) / kDirectoriesPerGroup; }

std::string Layout::group(std::uint64_t group) const { return numbered('a', 3, group); }

std::string Layout::directory(std::uint64_t directory) const {
  return group(directory / kDirectoriesPerGroup) + "/" + numbered('d', 5, directory);
}

std::string Layout::directoryOfFile(std::uint64_t file) const { return directory(file / filesPerDirectory_); }

std::string Layout::file(std::uint64_t file) const { return directoryOfFile(file) + "/" + numbered('f', 7, file); }

std::vector<std::string> Layout::filePaths(const std::string& root) const {
  std::vector<std::string> paths;
  paths.reserve(files_);
  for (std::uint64_t k = 0; k < files_; ++k) paths.push_back(root + "/" + file(k));
  return paths;
}

}  // namespace bench
