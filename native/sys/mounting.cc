// mounting.cc - mount(2), fusermount3 and the mount table.
#include "sys/mounting.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string_view>

#include "sys/text_file.h"

extern char** environ;

namespace unionfs::sys {
namespace {

constexpr const char* kHelper = "fusermount3";
constexpr const char* kMountTable = "/proc/self/mountinfo";
constexpr const char* kSocketVariable = "_FUSE_COMMFD";

unsigned long mountFlags(const FuseMountRequest& request) {
  unsigned long flags = 0;
  if (request.readOnly) flags |= MS_RDONLY;
  if (!request.allowDev) flags |= MS_NODEV;
  if (!request.allowSuid) flags |= MS_NOSUID;
  if (request.noatime) flags |= MS_NOATIME;
  if (!request.allowExec) flags |= MS_NOEXEC;
  return flags;
}

// A child process with its stderr captured.
struct Helper {
  pid_t pid = -1;
  Fd errors;
};

Result<Helper> spawnHelper(std::vector<std::string> arguments, int passedSocket) {
  int pipeEnds[2];
  if (::pipe2(pipeEnds, O_CLOEXEC) != 0) return Errno::last();
  Fd readEnd(pipeEnds[0]);
  const Fd writeEnd(pipeEnds[1]);

  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::vector<char*> env;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, kSocketVariable, std::strlen(kSocketVariable)) != 0) env.push_back(*entry);
  }
  std::string variable = std::string(kSocketVariable) + "=" + std::to_string(passedSocket);
  if (passedSocket >= 0) env.push_back(variable.data());
  env.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writeEnd.get(), STDERR_FILENO);
  // dup2 onto itself takes CLOEXEC off in the child only.
  if (passedSocket >= 0) posix_spawn_file_actions_adddup2(&actions, passedSocket, passedSocket);
  // The caller may be a thread with everything blocked; the helper must still be killable.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);

  Helper helper;
  const int error = ::posix_spawnp(&helper.pid, kHelper, &actions, &attributes, argv.data(), env.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return Errno(error);
  helper.errors = std::move(readEnd);
  return helper;
}

// Collects what the helper said and how it ended. EPERM stands for "it refused": its exit code tells no more.
Status finishHelper(Helper& helper, HelperFailure& failure) {
  std::string said = readAll(helper.errors.get());
  while (!said.empty() && said.back() == '\n') said.pop_back();
  int status = 0;
  pid_t ended = 0;
  do {
    ended = ::waitpid(helper.pid, &status, 0);
  } while (ended < 0 && errno == EINTR);
  // ECHILD: somebody else reaps our children; what was said decides then.
  const bool failed = ended < 0 ? !said.empty() : !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  if (!failed) return success();
  failure.error = Errno(EPERM);
  failure.detail = said;
  return failure.error;
}

std::string escapeComma(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ',' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string helperOptions(const FuseMountRequest& request) {
  std::string options = request.readOnly ? "ro" : "rw";
  options += request.allowDev ? ",dev" : ",nodev";
  options += request.allowSuid ? ",suid" : ",nosuid";
  if (request.noatime) options += ",noatime";
  if (!request.allowExec) options += ",noexec";
  options += ",default_permissions";
  if (request.allowOther) options += ",allow_other";
  options += ",fsname=" + escapeComma(request.source) + ",subtype=" + escapeComma(request.subtype);
  return options;
}

Result<Fd> receiveDescriptor(const Fd& socket) {
  char byte = 0;
  iovec part{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return Errno::last();
  const cmsghdr* head = count == 0 ? nullptr : CMSG_FIRSTHDR(&message);
  if (head == nullptr || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) return Errno(EPROTO);
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(head), sizeof fd);
  return Fd(fd);
}

// Undoes the octal escapes of the mount table.
std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, value, 8).ptr == text.data() + i + 4) {
      out += static_cast<char>(value);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string_view nextWord(std::string_view& line) {
  const size_t end = line.find(' ');
  const std::string_view word = line.substr(0, end);
  line = end == std::string_view::npos ? std::string_view() : line.substr(end + 1);
  return word;
}

// "36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw": the mount point and what is mounted there.
std::optional<MountEntry> parseMountLine(std::string_view line, std::string_view mountpoint) {
  nextWord(line);
  nextWord(line);
  const std::string_view device = nextWord(line);
  nextWord(line);
  if (unescape(nextWord(line)) != mountpoint) return std::nullopt;
  MountEntry entry;
  const char* end = device.data() + device.size();
  const auto high = std::from_chars(device.data(), end, entry.deviceMajor);
  if (high.ptr == end || *high.ptr != ':') return std::nullopt;
  std::from_chars(high.ptr + 1, end, entry.deviceMinor);
  while (!line.empty() && nextWord(line) != "-") {
  }
  entry.type = nextWord(line);
  return entry;
}

void forEachLine(std::string_view text, const std::function<void(std::string_view)>& visit) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// Options of the mount are the sixth word.
bool isIdmapped(std::string_view line) {
  for (int word = 1; word < 6; ++word) nextWord(line);
  return ("," + std::string(nextWord(line)) + ",").find(",idmapped,") != std::string::npos;
}

// The last three words of a line: type, source, options of the filesystem (fs/overlayfs/params.c:ovl_show_options()).
void addOverlayWrites(std::string_view line, std::vector<std::string>& into) {
  while (!line.empty() && nextWord(line) != "-") {
  }
  if (nextWord(line) != "overlay") return;
  nextWord(line);
  for (std::string_view options = nextWord(line); !options.empty();) {
    const size_t comma = options.find(',');
    const std::string_view option = options.substr(0, comma);
    for (const std::string_view name : {"upperdir=", "workdir="}) {
      if (option.substr(0, name.size()) == name) into.push_back(unescape(option.substr(name.size())));
    }
    options = comma == std::string_view::npos ? std::string_view() : options.substr(comma + 1);
  }
}

// A file of /sys takes a setting in one write(2), or not at all.
Status writeSetting(const std::string& path, std::string_view value) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) return Errno::last();
  return success();
}

}  // namespace

Status mountFuse(const Fd& device, const FuseMountRequest& request) {
  std::string data = "fd=" + std::to_string(device.get()) + ",rootmode=40000,user_id=" + std::to_string(::geteuid()) +
                     ",group_id=" + std::to_string(::getegid()) + ",default_permissions";
  if (request.allowOther) data += ",allow_other";
  const std::string type = "fuse." + request.subtype;
  if (::mount(request.source.c_str(), request.mountpoint.c_str(), type.c_str(), mountFlags(request), data.c_str()) != 0)
    return Errno::last();
  return success();
}

Result<Fd> mountThroughHelper(const FuseMountRequest& request, HelperFailure& failure) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return failure.error = Errno::last();
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  auto helper = spawnHelper({kHelper, "-o", helperOptions(request), "--", request.mountpoint}, theirs.get());
  if (!helper) return failure.error = helper.error();
  theirs = Fd();
  auto device = receiveDescriptor(ours);
  const Status ended = finishHelper(*helper, failure);
  if (!ended) return ended.error();
  if (!device) return failure.error = device.error();
  return device;
}

Status unmountThroughHelper(const std::string& mountpoint, bool lazy, HelperFailure& failure) {
  std::vector<std::string> arguments{kHelper, "-u"};
  if (lazy) arguments.emplace_back("-z");
  arguments.insert(arguments.end(), {"--", mountpoint});
  auto helper = spawnHelper(std::move(arguments), -1);
  if (!helper) return failure.error = helper.error();
  const Status ended = finishHelper(*helper, failure);
  if (ended) return ended;
  const bool busy = failure.detail.find("busy") != std::string::npos;
  return failure.error = busy ? Errno(EBUSY) : ended.error();
}

Status unmount(const std::string& mountpoint, bool lazy) {
  const int flags = UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0);
  if (::umount2(mountpoint.c_str(), flags) != 0) return Errno::last();
  return success();
}

std::optional<MountEntry> topMountAt(const std::string& mountpoint) {
  const auto text = readText(kMountTable);
  if (!text) return std::nullopt;
  std::optional<MountEntry> found;
  forEachLine(*text, [&](std::string_view line) {
    // Later lines lie above earlier ones.
    if (auto entry = parseMountLine(line, mountpoint)) found = std::move(entry);
  });
  return found;
}

std::vector<std::string> kernelOverlayWrites() {
  std::vector<std::string> written;
  const auto text = readText(kMountTable);
  if (text) forEachLine(*text, [&](std::string_view line) { addOverlayWrites(line, written); });
  return written;
}

bool anyMountIsIdmapped() {
  bool any = false;
  const auto text = readText(kMountTable);
  if (text) forEachLine(*text, [&](std::string_view line) { any = any || isIdmapped(line); });
  return any || !text;
}

Status setReadahead(uint64_t connection, unsigned kib) {
  return writeSetting("/sys/class/bdi/0:" + std::to_string(connection) + "/read_ahead_kb", std::to_string(kib));
}

Result<Fd> openMountTable() {
  const int fd = ::open(kMountTable, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Errno::last();
  return Fd(fd);
}

Result<bool> waitMountTableChange(const Fd& table, int milliseconds) {
  pollfd one{.fd = table.get(), .events = POLLPRI, .revents = 0};
  const int ready = ::poll(&one, 1, milliseconds);
  if (ready < 0 && errno != EINTR) return Errno::last();
  return ready > 0;
}

Status abortConnection(uint64_t connection) {
  return writeSetting("/sys/fs/fuse/connections/" + std::to_string(connection) + "/abort", "1");
}

}  // namespace unionfs::sys
