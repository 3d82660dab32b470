// changes.cc - work that changes names: creating, renaming, removing, and unpacking an archive.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "fd.h"
#include "layout.h"
#include "report.h"
#include "verbs.h"

namespace bench {

void churn(const Args& args) {
  const Layout layout(args);
  std::vector<std::string> created;
  std::vector<std::string> renamed;
  for (std::uint64_t k = 0; k < layout.files(); ++k) {
    const std::string directory = args.word(0) + "/" + layout.directoryOfFile(k);
    created.push_back(directory + "/new-" + std::to_string(k));
    renamed.push_back(directory + "/old-" + std::to_string(k));
  }
  const Stopwatch creating;
  for (const std::string& path : created) openFile(path, O_WRONLY | O_CREAT | O_EXCL).close(path);
  const double createSeconds = creating.seconds();
  const Stopwatch renaming;
  for (std::size_t k = 0; k < created.size(); ++k) {
    if (rename(created[k].c_str(), renamed[k].c_str()) != 0) fail("rename", created[k]);
  }
  const double renameSeconds = renaming.seconds();
  const Stopwatch removing;
  for (const std::string& path : renamed) {
    if (unlink(path.c_str()) != 0) fail("unlink", path);
  }
  Report().add("create", createSeconds).add("rename", renameSeconds).add("unlink", removing.seconds()).print();
}

// tar as root: a directory is made, then owned, moded and dated at the end; a file is made, written, dated, owned, moded, closed.
void unpack(const Args& args) {
  const Layout layout(args);
  const std::string root = args.word(0);
  const std::string content(args.number("size"), 'x');
  constexpr timespec kTimes[2] = {{1'600'000'000, 0}, {1'600'000'000, 0}};
  std::vector<std::string> directories = {root};
  for (std::uint64_t g = 0; g < layout.groups(); ++g) directories.push_back(root + "/" + layout.group(g));
  for (std::uint64_t d = 0; d < layout.directories(); ++d) directories.push_back(root + "/" + layout.directory(d));
  const std::vector<std::string> files = layout.filePaths(root);

  const Stopwatch watch;
  for (const std::string& path : directories) {
    if (mkdir(path.c_str(), 0700) != 0) fail("mkdir", path);
  }
  for (const std::string& path : files) {
    Fd fd = openFile(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    writeAll(fd.get(), content.data(), content.size(), path);
    if (futimens(fd.get(), kTimes) != 0) fail("utimensat", path);
    if (fchown(fd.get(), 0, 0) != 0) fail("chown", path);
    if (fchmod(fd.get(), 0644) != 0) fail("chmod", path);
    fd.close(path);
  }
  for (const std::string& path : directories) {
    if (utimensat(AT_FDCWD, path.c_str(), kTimes, AT_SYMLINK_NOFOLLOW) != 0) fail("utimensat", path);
    if (fchownat(AT_FDCWD, path.c_str(), 0, 0, AT_SYMLINK_NOFOLLOW) != 0) fail("chown", path);
    if (chmod(path.c_str(), 0755) != 0) fail("chmod", path);
  }
  Report().add("seconds", watch.seconds()).add("count", static_cast<double>(files.size())).print();
}

}  // namespace bench
