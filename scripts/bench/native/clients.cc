// clients.cc - several clients at once: one that works while another makes a large file be copied up, and eight together.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include "child.h"
#include "fd.h"
#include "layout.h"
#include "report.h"
#include "verbs.h"

namespace bench {

namespace {

constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;
constexpr double kSecondsPerNanosecond = 1e-9;

// A client of mixed work, each piece of which reaches the server in some way and is a sample of its own:
// an absent name, a small file opened, read and closed, and a file made and removed again.
class MixedWork {
 public:
  MixedWork(std::string root, const Layout& layout, std::string tag)
      : root_(std::move(root)), layout_(layout), tag_(std::move(tag)), files_(layout.filePaths(root_)), buffer_(4096) {}

  void step(std::vector<std::uint64_t>* samples) {
    const std::string directory = root_ + "/" + layout_.directory(count_ % layout_.directories());
    timed(samples, [&] { miss(directory + "/absent-" + tag_ + "-" + std::to_string(count_)); });
    timed(samples, [&] { readFile(files_[count_ * 7 % files_.size()]); });
    timed(samples, [&] { makeAndRemove(directory + "/" + tag_ + "-" + std::to_string(count_)); });
    ++count_;
  }

 private:
  template <typename Work>
  static void timed(std::vector<std::uint64_t>* samples, Work work) {
    const std::uint64_t start = nowNanoseconds();
    work();
    if (samples != nullptr) samples->push_back(nowNanoseconds() - start);
  }

  static void miss(const std::string& path) {
    struct stat status {};
    if (lstat(path.c_str(), &status) == 0) failWith(path + " exists");
    if (errno != ENOENT) fail("stat", path);
  }

  void readFile(const std::string& path) {
    Fd fd = openFile(path, O_RDONLY);
    if (readUpTo(fd.get(), buffer_.data(), buffer_.size(), path) == 0) failWith(path + " is empty");
    fd.close(path);
  }

  void makeAndRemove(const std::string& path) {
    Fd fd = openFile(path, O_WRONLY | O_CREAT | O_EXCL);
    writeAll(fd.get(), buffer_.data(), 1024, path);
    fd.close(path);
    if (unlink(path.c_str()) != 0) fail("unlink", path);
  }

  std::string root_;
  const Layout& layout_;
  std::string tag_;
  std::vector<std::string> files_;
  std::vector<char> buffer_;
  std::uint64_t count_ = 0;
};

double quantile(std::vector<std::uint64_t>& samples, double fraction) {
  if (samples.empty()) failWith("no sample was taken");
  std::sort(samples.begin(), samples.end());
  const auto last = static_cast<double>(samples.size() - 1);
  return static_cast<double>(samples[static_cast<std::size_t>(last * fraction)]) * kSecondsPerNanosecond;
}

}  // namespace

void copyUpLatency(const Args& args) {
  const std::string& big = args.text("big");
  const Layout layout(args);
  MixedWork work(args.word(0), layout, "latency");
  // Every small file and directory is known before the clock starts: both phases do the same work.
  for (std::uint64_t i = 0; i < layout.files(); ++i) work.step(nullptr);

  std::vector<std::uint64_t> idle;
  const std::uint64_t idleEnd = nowNanoseconds() + args.number("idle-ms") * kNanosecondsPerMillisecond;
  while (nowNanoseconds() < idleEnd) work.step(&idle);

  std::vector<std::uint64_t> busy;
  const Stopwatch watch;
  Child writer([&big] {
    Fd fd = openFile(big, O_WRONLY);
    if (pwrite(fd.get(), "!", 1, 0) != 1) fail("pwrite", big);
    fd.close(big);
  });
  do work.step(&busy);
  while (!writer.hasEnded());
  const double copySeconds = watch.seconds();
  Report()
      .add("copyup", copySeconds)
      .add("idle50", quantile(idle, 0.5))
      .add("idle99", quantile(idle, 0.99))
      .add("busy50", quantile(busy, 0.5))
      .add("busy99", quantile(busy, 0.99))
      .add("busymax", quantile(busy, 1.0))
      .add("samples", static_cast<double>(busy.size()))
      .print();
}

void manyClients(const Args& args) {
  const Layout layout(args);
  const std::uint64_t each = args.number("each");
  int gate[2];
  if (pipe2(gate, O_CLOEXEC) != 0) fail("pipe", "");
  Fd waiting(gate[0]);
  Fd opening(gate[1]);
  std::vector<Child> clients;
  for (std::uint64_t c = 0; c < args.number("clients"); ++c) {
    clients.emplace_back([&, c] {
      MixedWork work(args.word(0), layout, "client" + std::to_string(c));
      opening.close("gate");
      char byte = 0;
      // End of file: the parent has closed its end, and everybody starts.
      if (read(waiting.get(), &byte, 1) != 0) fail("read", "gate");
      for (std::uint64_t i = 0; i < each; ++i) work.step(nullptr);
    });
  }
  const Stopwatch watch;
  opening.close("gate");
  for (Child& client : clients) client.wait();
  Report().add("seconds", watch.seconds()).print();
}

}  // namespace bench
