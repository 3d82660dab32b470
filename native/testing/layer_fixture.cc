// layer_fixture.cc - making and dumping trees. Uses the C library directly: fixtures must not pass fault points.
#include "testing/layer_fixture.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include "survey/layer_walk.h"
#include "testing/test.h"

namespace fs = std::filesystem;

namespace unionfs::testing {
namespace {

constexpr const char* kOpaque = "trusted.overlay.opaque";
constexpr const char* kUserOpaque = "user.overlay.opaque";

std::string replaceAll(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
  return text;
}

bool endsWith(std::string_view text, std::string_view end) { return text.ends_with(end); }

struct Line {
  std::string path;
  std::string kind;     // "dir", "file", "link", "whiteout", "fifo"
  std::string content;  // text, target, or "opaque"
  std::optional<mode_t> mode;
};

void takeMode(Line& line) {
  const size_t at = line.path.rfind('@');
  if (at == std::string::npos) return;
  unsigned mode = 0;
  std::from_chars(line.path.data() + at + 1, line.path.data() + line.path.size(), mode, 8);
  line.mode = mode;
  line.path.resize(at);
}

std::optional<Line> parseLine(std::string text) {
  while (!text.empty() && text.front() == ' ') text.erase(0, 1);
  if (text.empty()) return std::nullopt;
  Line line;
  const auto split = [&](std::string_view separator, const char* kind) {
    const size_t at = text.find(separator);
    if (at == std::string::npos) return false;
    line = {.path = text.substr(0, at), .kind = kind, .content = text.substr(at + separator.size()), .mode = {}};
    return true;
  };
  const auto suffix = [&](std::string_view end, const char* kind, const char* content) {
    if (!endsWith(text, end)) return false;
    line = {.path = text.substr(0, text.size() - end.size()), .kind = kind, .content = content, .mode = {}};
    return true;
  };
  const bool known = split(" = ", "file") || split(" -> ", "link") || suffix("/ opaque", "dir", "opaque") ||
                     suffix(" whiteout", "whiteout", "") || suffix(" fifo", "fifo", "") || suffix(" =", "file", "");
  if (!known) {
    // "dir/" or "dir@0700/"
    if (text.back() == '/') text.pop_back();
    line = {.path = text, .kind = "dir", .content = "", .mode = {}};
  }
  takeMode(line);
  return line;
}

bool make(const fs::path& path, const Line& line) {
  if (line.kind == "file") {
    std::ofstream(path, std::ios::binary) << replaceAll(line.content, "\\n", "\n");
  } else if (line.kind == "link") {
    return ::symlink(line.content.c_str(), path.c_str()) == 0;
  } else if (line.kind == "whiteout") {
    return ::mknod(path.c_str(), S_IFCHR, makedev(0, 0)) == 0;
  } else if (line.kind == "fifo") {
    if (::mkfifo(path.c_str(), 0644) != 0) return false;
  } else {
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return false;
    const bool marked = line.content != "opaque" || ::setxattr(path.c_str(), kOpaque, "y", 1, 0) == 0 ||
                        ::setxattr(path.c_str(), kUserOpaque, "y", 1, 0) == 0;
    if (!marked) return false;
  }
  return !line.mode || ::chmod(path.c_str(), *line.mode) == 0;
}

bool isOpaque(const fs::path& path) {
  char value = 0;
  return (::lgetxattr(path.c_str(), kOpaque, &value, 1) == 1 || ::lgetxattr(path.c_str(), kUserOpaque, &value, 1) == 1) && value == 'y';
}

std::string readFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return replaceAll(out.str(), "\n", "\\n");
}

std::string describe(const fs::path& path, const std::string& shown, DumpOptions options) {
  struct stat stat {};
  if (::lstat(path.c_str(), &stat) != 0) return shown + " unreadable";
  std::string name = shown;
  if (options.modes && !S_ISLNK(stat.st_mode)) {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "@%04o", stat.st_mode & 07777);
    name += text.data();
  }
  switch (stat.st_mode & S_IFMT) {
    case S_IFDIR:
      return name + "/" + (isOpaque(path) ? " opaque" : "");
    case S_IFREG:
      return name + " = " + readFile(path);
    case S_IFLNK:
      return name + " -> " + fs::read_symlink(path).string();
    case S_IFIFO:
      return name + " fifo";
    case S_IFCHR:
      return name + (stat.st_rdev == 0 ? " whiteout" : " character device");
    default:
      return name + " of another type";
  }
}

void dumpInto(const fs::path& dir, const std::string& prefix, DumpOptions options, std::string& out) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir)) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  for (const std::string& name : names) {
    const fs::path path = dir / name;
    out += describe(path, prefix + name, options) + "\n";
    if (fs::is_directory(fs::symlink_status(path))) dumpInto(path, prefix + name + "/", options, out);
  }
}

}  // namespace

bool writeTree(const fs::path& root, std::string_view tree) {
  std::error_code error;
  fs::create_directories(root, error);
  std::istringstream lines{std::string(tree)};
  for (std::string text; std::getline(lines, text);) {
    const auto line = parseLine(text);
    if (!line) continue;
    const fs::path path = root / line->path;
    fs::create_directories(path.parent_path(), error);
    if (make(path, *line)) continue;
    recordFailure(__FILE__, __LINE__, "cannot make `" + text + "`");
    return false;
  }
  return true;
}

std::string dumpTree(const fs::path& root, DumpOptions options) {
  std::string out;
  if (fs::is_directory(root)) dumpInto(root, "", options, out);
  return out;
}

TempDir::TempDir() {
  std::string pattern = (fs::temp_directory_path() / "unionfs-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) recordFailure(__FILE__, __LINE__, "no temporary directory");
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  // Trees may hold directories that bar their owner.
  for (auto it = fs::recursive_directory_iterator(path_, fs::directory_options::skip_permission_denied, ignored); it != fs::end(it);
       it.increment(ignored)) {
    if (it->is_directory(ignored) && !it->is_symlink(ignored))
      fs::permissions(it->path(), fs::perms::owner_all, fs::perm_options::add, ignored);
  }
  fs::remove_all(path_, ignored);
}

LayerFixture::LayerFixture() {
  fs::create_directory(upperPath());
  fs::create_directory(workPath());
}

LayerFixture& LayerFixture::lower(std::string_view tree) {
  writeTree(lowerPath(lowers_++), tree);
  return *this;
}

LayerFixture& LayerFixture::upper(std::string_view tree) {
  writeTree(upperPath(), tree);
  return *this;
}

LayerFixture& LayerFixture::readOnly() {
  writable_ = false;
  return *this;
}

LayerFixture& LayerFixture::overrides(OverrideKind kind) {
  overrides_ = kind;
  return *this;
}

LayerFixture& LayerFixture::whiteoutFiles() {
  whiteoutFiles_ = true;
  return *this;
}

std::shared_ptr<RecordStore> LayerFixture::records(LayerTrust trust) const {
  auto store = std::make_shared<RecordStore>(lowers_ + 1);
  for (size_t i = 0; i < lowers_; ++i) {
    const auto layer = static_cast<uint16_t>(i + 1);
    store->setTrust(layer, trust);
    const auto walk = LayerWalk::open(lowerPath(i).string(), {.kind = RecordMaker::Kind::full});
    if (!walk.ok()) {
      recordFailure(__FILE__, __LINE__, "cannot walk " + lowerPath(i).string());
      continue;
    }
    for (auto batch = (*walk)->next(); !batch.empty(); batch = (*walk)->next()) {
      for (auto& walked : batch) {
        if (!walked.record.empty()) store->add(layer, std::move(walked.record));
      }
    }
    store->setComplete(layer);
  }
  return store;
}

std::shared_ptr<Overlay> LayerFixture::open(OverlayOptions options) {
  if (lowers_ == 0) lower("");
  if (const char* kind = std::getenv("UNIONFS_TEST_RECORDS"); kind != nullptr && !options.records) {
    options.records = records(std::string_view(kind) == "sealed" ? LayerTrust::sealed : LayerTrust::checked);
  }
  StackOptions stack;
  for (size_t i = 0; i < lowers_; ++i) stack.lowers.push_back(lowerPath(i).string());
  if (writable_) {
    stack.upper = upperPath().string();
    stack.workdir = workPath().string();
    stack.overrides = overrides_;
    stack.whiteoutFiles = whiteoutFiles_;
  }
  StackError error;
  auto layers = LayerStack::open(stack, error);
  if (!layers) {
    recordFailure(__FILE__, __LINE__, error.path + ": " + error.what + " (errno " + std::to_string(error.error.value()) + ")");
    return nullptr;
  }
  auto overlay = Overlay::open(std::move(layers), options);
  if (overlay) return std::shared_ptr<Overlay>(std::move(*overlay));
  recordFailure(__FILE__, __LINE__, "overlay: errno " + std::to_string(overlay.error().value()));
  return nullptr;
}

std::vector<std::string> LayerFixture::staged() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(workPath())) {
    const std::string path = fs::relative(entry.path(), workPath()).string();
    const bool furniture = path == "work" || path == "index" || path == "lock" || path.ends_with(".lock");
    if (!furniture) names.push_back(path);
  }
  std::ranges::sort(names);
  return names;
}

bool mayMakeMarkers() {
  const TempDir temp;
  const fs::path device = temp.path() / "device";
  return ::mknod(device.c_str(), S_IFCHR, makedev(0, 0)) == 0 && ::setxattr(temp.path().c_str(), kOpaque, "y", 1, 0) == 0;
}

bool lowersAreSealed() {
  const char* kind = std::getenv("UNIONFS_TEST_RECORDS");
  return kind != nullptr && std::string_view(kind) == "sealed";
}

}  // namespace unionfs::testing
