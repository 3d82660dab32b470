// names.cc - lookups: present names, absent names, and files that are opened, read and closed.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "fd.h"
#include "layout.h"
#include "report.h"
#include "verbs.h"

namespace bench {

void statFiles(const Args& args) {
  const std::vector<std::string> paths = Layout(args).filePaths(args.word(0));
  const Stopwatch watch;
  for (const std::string& path : paths) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) fail("stat", path);
  }
  Report().add("seconds", watch.seconds()).add("count", static_cast<double>(paths.size())).print();
}

void openReadClose(const Args& args) {
  const std::vector<std::string> paths = Layout(args).filePaths(args.word(0));
  std::vector<char> buffer(64 * 1024);
  const Stopwatch watch;
  for (const std::string& path : paths) {
    Fd fd = openFile(path, O_RDONLY);
    if (readUpTo(fd.get(), buffer.data(), buffer.size(), path) == 0) failWith(path + " is empty");
    fd.close(path);
  }
  Report().add("seconds", watch.seconds()).add("count", static_cast<double>(paths.size())).print();
}

// The directories are looked up before the clock starts: the figure is that of the absent names.
void misses(const Args& args) {
  const std::string& root = args.word(0);
  const Layout layout(args);
  const std::uint64_t count = args.number("count");
  const std::string salt = args.text("salt");
  struct stat status {};
  for (std::uint64_t d = 0; d < layout.directories(); ++d) {
    if (const std::string path = root + "/" + layout.directory(d); lstat(path.c_str(), &status) != 0) fail("stat", path);
  }
  std::vector<std::string> paths;
  for (std::uint64_t i = 0; i < count; ++i) {
    paths.push_back(root + "/" + layout.directory(i % layout.directories()) + "/absent-" + salt + "-" + std::to_string(i));
  }
  const Stopwatch watch;
  for (const std::string& path : paths) {
    if (lstat(path.c_str(), &status) == 0) failWith(path + " exists");
    if (errno != ENOENT) fail("stat", path);
  }
  Report().add("seconds", watch.seconds()).add("count", static_cast<double>(count)).print();
}

void firstLookups(const Args& args) {
  std::vector<double> seconds;
  for (std::uint64_t d = 0; d < args.number("dirs"); ++d) {
    const std::string path = args.word(0) + "/" + std::to_string(d) + "/" + args.text("name");
    struct stat status {};
    const Stopwatch watch;
    if (lstat(path.c_str(), &status) != 0) fail("stat", path);
    seconds.push_back(watch.seconds());
  }
  if (seconds.empty()) usage("--dirs must not be 0");
  std::sort(seconds.begin(), seconds.end());
  Report().add("seconds", seconds[seconds.size() / 2]).add("worst", seconds.back()).print();
}

}  // namespace bench
