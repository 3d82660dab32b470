// stress.cc - works on a tree with every operation at once, from several processes, for some seconds.
//
//   stress prepare DIR --layer K [--markers] [PLAN]   writes layer K of the content that lies below (content.h)
//   stress run DIR --seconds N [--no-inodes] [PLAN]   works on the merged tree, then reads all of it
// PLAN: --seed S --workers W --layers L, the same for both. Exit 0: nothing was wrong.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "chaos.h"
#include "content.h"
#include "owned.h"
#include "report.h"
#include "survey.h"

namespace {

// Longer than this after the end of its time, a worker hangs.
constexpr auto kGrace = std::chrono::seconds(60);
constexpr auto kPollInterval = std::chrono::milliseconds(20);
constexpr int kVerifyEvery = 4000;

struct Options {
  std::string verb;
  std::string directory;
  TreePlan plan{1, 4, 2};
  int layer = 0;
  double seconds = 10;
  bool markers = false;
  bool checkInodes = true;
};

[[noreturn]] void usage() {
  std::fputs(
      "usage: stress prepare DIR --layer K [--markers] | stress run DIR --seconds N [--no-inodes]\n"
      "       both: [--seed S] [--workers W] [--layers L]\n",
      stderr);
  std::exit(2);
}

Options parse(int count, char** words) {
  if (count < 3) usage();
  Options options;
  options.verb = words[1];
  options.directory = words[2];
  for (int at = 3; at < count; ++at) {
    const std::string_view word = words[at];
    if (word == "--markers") {
      options.markers = true;
    } else if (word == "--no-inodes") {
      options.checkInodes = false;
    } else if (at + 1 == count) {
      usage();
    } else if (word == "--layer") {
      options.layer = std::atoi(words[++at]);
    } else if (word == "--layers") {
      options.plan.layers = std::atoi(words[++at]);
    } else if (word == "--workers") {
      options.plan.workers = std::atoi(words[++at]);
    } else if (word == "--seed") {
      options.plan.seed = std::strtoull(words[++at], nullptr, 10);
    } else if (word == "--seconds") {
      options.seconds = std::atof(words[++at]);
    } else {
      usage();
    }
  }
  if (options.plan.workers < 1 || options.plan.workers >= kMaxWorkers || options.plan.layers < 1) usage();
  return options;
}

int openRoot(const Options& options) {
  const int root = open(options.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) fail(options.directory.c_str(), "open: %s", std::strerror(errno));
  return root;
}

[[noreturn]] void work(const Options& options, SharedReport* report, int worker) {
  nameThisWorker(report, worker);
  umask(0);
  const int root = openRoot(options);
  {
    OwnedArea owned(root, options.plan, worker);
    Chaos chaos(root, mix(options.plan.seed ^ 0xc0ffee) + static_cast<uint64_t>(worker));
    Rng choice(options.plan.seed + static_cast<uint64_t>(worker) * 977);
    owned.verifyAll();
    for (int step = 1; !report->stop.load(std::memory_order_relaxed); ++step) {
      if (choice.oneIn(2)) {
        owned.step();
      } else {
        chaos.step();
      }
      if (step % kVerifyEvery == 0) owned.verifyAll();
    }
    owned.verifyAll();
  }
  _exit(0);
}

std::vector<pid_t> startWorkers(const Options& options, SharedReport* report) {
  std::vector<pid_t> workers;
  for (int worker = 0; worker < options.plan.workers; ++worker) {
    const pid_t child = fork();
    if (child == 0) work(options, report, worker);
    if (child < 0) fail("", "fork: %s", std::strerror(errno));
    workers.push_back(child);
  }
  return workers;
}

// Lets the workers work until their time is over or one has failed; true when all ended well.
bool superviseWorkers(const Options& options, SharedReport* report, std::vector<pid_t> workers) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds));
  bool good = true;
  size_t running = workers.size();
  while (running > 0) {
    if (Clock::now() >= end) report->stop.store(true);
    for (size_t worker = 0; worker < workers.size(); ++worker) {
      int status = 0;
      if (workers[worker] == 0 || waitpid(workers[worker], &status, WNOHANG) == 0) continue;
      workers[worker] = 0;
      --running;
      if (status == 0) continue;
      good = false;
      report->stop.store(true);
      if (WIFSIGNALED(status)) {
        std::fprintf(stderr, "stress: worker %zu was killed by signal %d in: %s\n", worker, WTERMSIG(status),
                     report->current[worker].load());
      }
    }
    if (Clock::now() > end + kGrace) {
      for (size_t worker = 0; worker < workers.size(); ++worker) {
        if (workers[worker] == 0) continue;
        std::fprintf(stderr, "stress: worker %zu hangs in: %s\n", worker, report->current[worker].load());
        kill(workers[worker], SIGKILL);
      }
      return false;
    }
    std::this_thread::sleep_for(kPollInterval);
  }
  return good;
}

int runStress(const Options& options) {
  SharedReport* report = makeSharedReport();
  nameThisWorker(report, options.plan.workers);
  const bool good = superviseWorkers(options, report, startWorkers(options, report));
  printReport(*report);
  if (!good) return 1;
  beginOperation("survey");
  const SurveyResult survey = surveyTree(openRoot(options), options.checkInodes);
  std::printf("survey: %llu entries, %llu bytes\n", static_cast<unsigned long long>(survey.entries),
              static_cast<unsigned long long>(survey.bytes));
  return 0;
}

}  // namespace

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);  // a fifo of the shared tree may lose its reader at any moment
  const Options options = parse(count, words);
  if (options.verb == "run") return runStress(options);
  if (options.verb != "prepare") usage();
  prepareLayer(options.plan, options.directory.c_str(), options.layer, options.markers);
  return 0;
}
