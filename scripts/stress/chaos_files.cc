// chaos_files.cc - shared operations on the contents of files and on open descriptors.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <cerrno>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "chaos.h"
#include "report.h"

namespace {

constexpr uint32_t kMaxOffset = 400000;
constexpr uint32_t kMaxBytes = 60000;

sigjmp_buf g_busError;
volatile sig_atomic_t g_mapping = 0;

// Another worker may cut the file under a mapping; the access is then a SIGBUS, as it must be.
void onBusError(int) {
  if (g_mapping == 0) _exit(2);
  siglongjmp(g_busError, 1);
}

void onAlarm(int) {}

void handleSignal(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;  // without SA_RESTART: an alarm must interrupt what waits
  sigaction(number, &action, nullptr);
}

// A descriptor of the wrong kind or mode was borrowed: the caller's fault, not the file system's.
int tolerateWrongDescriptor(int error) { return error == EBADF ? EINVAL : error; }

int touchMapping(int fd, size_t length, int protection, int flags, Rng& rng) {
  void* memory = mmap(nullptr, length, protection, flags, fd, 0);
  if (memory == MAP_FAILED) return errno;
  handleSignal(SIGBUS, onBusError);
  if (sigsetjmp(g_busError, 1) == 0) {
    g_mapping = 1;
    auto* bytes = static_cast<volatile uint8_t*>(memory);
    const size_t at = rng.below(static_cast<uint32_t>(length));
    if ((protection & PROT_WRITE) != 0) bytes[at] = static_cast<uint8_t>(at);
    [[maybe_unused]] const uint8_t value = bytes[length - 1];
  }
  g_mapping = 0;
  const int error = rng.oneIn(3) ? errnoOf(msync(memory, length, MS_SYNC)) : 0;
  munmap(memory, length);
  // Pages that were written and cut off again have no place to go to.
  return error == EIO ? EINVAL : error;
}

}  // namespace

int Chaos::openAny() {
  constexpr int kFlags[] = {O_RDONLY,
                            O_WRONLY,
                            O_RDWR,
                            O_RDWR | O_CREAT,
                            O_WRONLY | O_TRUNC,
                            O_RDWR | O_APPEND,
                            O_RDONLY | O_TRUNC,
                            O_RDONLY | O_PATH,
                            O_RDWR | O_CREAT | O_TRUNC,
                            O_RDONLY | O_DIRECTORY,
                            O_RDWR | O_NOFOLLOW,
                            O_RDWR | O_SYNC,
                            O_RDWR | O_DIRECT,
                            O_RDONLY | O_NOATIME};
  return errnoOf(borrowDescriptor(kFlags[rng_.below(std::size(kFlags))]));
}

int Chaos::readFile() {
  const int fd = borrowDescriptor(O_RDONLY);
  if (fd < 0) return errno;
  char buffer[kMaxBytes];
  return tolerateWrongDescriptor(errnoOf(pread(fd, buffer, 1 + rng_.below(kMaxBytes - 1), rng_.below(kMaxOffset))));
}

int Chaos::writeFile() {
  const int fd = borrowDescriptor(rng_.oneIn(2) ? O_RDWR | O_CREAT : O_WRONLY);
  if (fd < 0) return errno;
  char buffer[kMaxBytes];
  std::memset(buffer, static_cast<int>(rng_.below(256)), sizeof buffer);
  const size_t length = 1 + rng_.below(kMaxBytes - 1);
  const long written = rng_.oneIn(3) ? write(fd, buffer, length) : pwrite(fd, buffer, length, rng_.below(kMaxOffset));
  return tolerateWrongDescriptor(errnoOf(written));
}

int Chaos::vectorIo() {
  const int fd = borrowDescriptor(O_RDWR);
  if (fd < 0) return errno;
  char one[1000] = "";
  char two[5000] = "";
  const iovec parts[] = {{one, sizeof one}, {two, 1 + rng_.below(sizeof two)}};
  const off_t at = rng_.below(kMaxOffset);
  const int error = errnoOf(rng_.oneIn(2) ? pwritev2(fd, parts, 2, at, rng_.oneIn(2) ? RWF_DSYNC : 0) : preadv2(fd, parts, 2, at, 0));
  return tolerateWrongDescriptor(error);
}

int Chaos::mapFile() {
  const bool writing = rng_.oneIn(2);
  const int fd = borrowDescriptor(writing ? O_RDWR : O_RDONLY);
  if (fd < 0) return errno;
  struct stat stat {};
  if (fstat(fd, &stat) != 0) return errno;
  if (!S_ISREG(stat.st_mode) || stat.st_size == 0) return EINVAL;
  const int flags = rng_.oneIn(3) ? MAP_PRIVATE : MAP_SHARED;
  return tolerateWrongDescriptor(
      touchMapping(fd, static_cast<size_t>(stat.st_size), writing ? PROT_READ | PROT_WRITE : PROT_READ, flags, rng_));
}

int Chaos::truncatePath() {
  const Fd fd(openat(root_, anyPath().c_str(), O_PATH | O_CLOEXEC));
  if (!fd.valid()) return errno;
  const std::string self = "/proc/self/fd/" + std::to_string(fd.get());
  return errnoOf(truncate(self.c_str(), rng_.below(kMaxOffset)));
}

int Chaos::truncateFd() {
  const int fd = borrowDescriptor(O_RDWR);
  if (fd < 0) return errno;
  return tolerateWrongDescriptor(errnoOf(ftruncate(fd, rng_.oneIn(3) ? 0 : rng_.below(kMaxOffset))));
}

int Chaos::allocate() {
  constexpr int kModes[] = {0,
                            FALLOC_FL_KEEP_SIZE,
                            FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                            FALLOC_FL_ZERO_RANGE,
                            FALLOC_FL_COLLAPSE_RANGE,
                            FALLOC_FL_INSERT_RANGE};
  const int fd = borrowDescriptor(O_RDWR);
  if (fd < 0) return errno;
  const int mode = kModes[rng_.below(std::size(kModes))];
  const off_t unit = rng_.oneIn(2) ? 4096 : 1;
  return tolerateWrongDescriptor(errnoOf(fallocate(fd, mode, rng_.below(50) * unit, (1 + rng_.below(50)) * unit)));
}

int Chaos::copyRange() {
  const Fd in(openat(root_, anyPath().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!in.valid()) return errno;
  const int out = borrowDescriptor(O_RDWR | O_CREAT);
  if (out < 0) return errno;
  off_t from = rng_.below(kMaxOffset / 8);
  off_t to = rng_.below(kMaxOffset);
  return tolerateWrongDescriptor(errnoOf(copy_file_range(in.get(), &from, out, &to, rng_.below(kMaxBytes), 0)));
}

int Chaos::sendBytes() {
  const int fd = borrowDescriptor(O_RDONLY);
  if (fd < 0) return errno;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return EAGAIN;
  const Fd readEnd(ends[0]);
  const Fd writeEnd(ends[1]);
  off_t from = rng_.below(kMaxOffset / 8);
  const size_t length = 1 + rng_.below(kMaxBytes);
  int error = errnoOf(rng_.oneIn(2) ? splice(fd, &from, writeEnd.get(), nullptr, length, SPLICE_F_NONBLOCK)
                                    : sendfile(writeEnd.get(), fd, &from, length));
  if (error != 0) return tolerateWrongDescriptor(error);
  const Fd out(openat(root_, anyPath().c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK));
  if (!out.valid()) return errno;
  off_t to = rng_.below(kMaxOffset);
  return errnoOf(splice(readEnd.get(), nullptr, out.get(), &to, length, SPLICE_F_NONBLOCK));
}

int Chaos::seek() {
  constexpr int kWhence[] = {SEEK_SET, SEEK_END, SEEK_DATA, SEEK_HOLE};
  const int fd = borrowDescriptor(O_RDONLY);
  if (fd < 0) return errno;
  return tolerateWrongDescriptor(errnoOf(lseek(fd, rng_.below(kMaxOffset), kWhence[rng_.below(std::size(kWhence))])));
}

int Chaos::syncAny() {
  const int fd = borrowDescriptor(rng_.oneIn(2) ? O_RDONLY : O_RDWR);
  if (fd < 0) return errno;
  switch (rng_.below(8)) {
    case 0:
      return tolerateWrongDescriptor(errnoOf(syncfs(fd)));
    case 1:
      return tolerateWrongDescriptor(errnoOf(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE)));
    case 2:
      return tolerateWrongDescriptor(errnoOf(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0 ? 0 : -1));
    default:
      return tolerateWrongDescriptor(errnoOf(rng_.oneIn(2) ? fsync(fd) : fdatasync(fd)));
  }
}

int Chaos::unlinkOpen() {
  const std::string path = anyPath();
  const Fd fd(openat(root_, path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return errno;
  struct stat stat {};
  if (fstat(fd.get(), &stat) != 0) return errno;
  if (!S_ISREG(stat.st_mode)) return EINVAL;
  if (unlinkat(root_, path.c_str(), 0) != 0 && errno != ENOENT) return errno;
  char buffer[4096] = "";
  if (pwrite(fd.get(), buffer, sizeof buffer, rng_.below(kMaxOffset)) < 0) return errno;
  if (pread(fd.get(), buffer, sizeof buffer, 0) < 0) return errno;
  if (fchmod(fd.get(), 0600) != 0) return errno;
  return errnoOf(ftruncate(fd.get(), 10));
}

int Chaos::temporaryFile() {
  const Fd fd(openat(root_, anyDirectory().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | (rng_.oneIn(4) ? O_EXCL : 0), 0644));
  if (!fd.valid()) return errno;
  if (pwrite(fd.get(), "temporary", 9, 0) < 0) return errno;
  if (rng_.oneIn(2)) return 0;
  const std::string self = "/proc/self/fd/" + std::to_string(fd.get());
  return errnoOf(linkat(AT_FDCWD, self.c_str(), root_, anyPath().c_str(), AT_SYMLINK_FOLLOW));
}

int Chaos::lockFlock() {
  constexpr int kLocks[] = {LOCK_SH, LOCK_EX, LOCK_UN};
  const int fd = borrowDescriptor(O_RDONLY);
  if (fd < 0) return errno;
  return tolerateWrongDescriptor(errnoOf(flock(fd, kLocks[rng_.below(3)] | LOCK_NB)));
}

int Chaos::lockPosix() {
  constexpr short kTypes[] = {F_RDLCK, F_WRLCK, F_UNLCK};
  const int fd = borrowDescriptor(O_RDWR);
  if (fd < 0) return errno;
  struct flock lock {};
  lock.l_type = kTypes[rng_.below(3)];
  lock.l_whence = SEEK_SET;
  lock.l_start = rng_.below(1000);
  lock.l_len = rng_.below(1000);
  return tolerateWrongDescriptor(errnoOf(fcntl(fd, rng_.oneIn(4) ? F_GETLK : F_SETLK, &lock)));
}

// Waits for a lock until an alarm interrupts: the wait must end, and nothing may be left locked behind it.
int Chaos::lockOfdWaiting() {
  const Fd fd(openat(root_, anyPath().c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return errno;
  handleSignal(SIGALRM, onAlarm);
  // Repeating: an alarm that comes before the call has begun to wait must not be the only one.
  const itimerval every{{0, 3000}, {0, 3000}};
  const itimerval never{};
  setitimer(ITIMER_REAL, &every, nullptr);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = rng_.below(4);
  lock.l_len = 2;
  const int error = errnoOf(fcntl(fd.get(), F_OFD_SETLKW, &lock));
  setitimer(ITIMER_REAL, &never, nullptr);
  return tolerateWrongDescriptor(error);
}

// Runs a program that lies in the tree while others write, replace and remove it.
int Chaos::execute() {
  if (!rng_.oneIn(20)) return readFile();
  const std::string path = anyPath();
  const Fd program(open("/bin/true", O_RDONLY | O_CLOEXEC));
  {
    const Fd copy(openat(root_, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0755));
    if (!copy.valid()) return errno;
    if (sendfile(copy.get(), program.get(), nullptr, 1 << 20) < 0) return errno;
    if (fchmod(copy.get(), 0755) != 0) return errno;
  }
  const pid_t child = fork();
  if (child == 0) {
    const char* arguments[] = {"true", nullptr};
    const char* environment[] = {nullptr};
    execveat(root_, path.c_str(), const_cast<char**>(arguments), const_cast<char**>(environment), 0);
    _exit(127);
  }
  if (child < 0) return EAGAIN;
  // The file may have become anything meanwhile, so how the child ends says nothing.
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return 0;
}
