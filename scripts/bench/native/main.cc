// main.cc - client VERB ARGUMENT...: does one piece of work and reports how long it took (verbs.h lists them).
#include <string_view>

#include "report.h"
#include "verbs.h"

namespace {

struct Verb {
  std::string_view name;
  void (*run)(const bench::Args& args);
};

constexpr Verb kVerbs[] = {
    {"make-tree", bench::makeTree},
    {"make-flat", bench::makeFlat},
    {"make-file", bench::makeFile},
    {"walk", bench::walk},
    {"list-long", bench::listLong},
    {"remove-tree", bench::removeTree},
    {"stat-files", bench::statFiles},
    {"open-read-close", bench::openReadClose},
    {"misses", bench::misses},
    {"first-lookups", bench::firstLookups},
    {"churn", bench::churn},
    {"unpack", bench::unpack},
    {"read-sequential", bench::readSequential},
    {"write-sequential", bench::writeSequential},
    {"read-random", bench::readRandom},
    {"write-random", bench::writeRandom},
    {"read-mapped", bench::readMapped},
    {"copy-up-latency", bench::copyUpLatency},
    {"many-clients", bench::manyClients},
    {"time", bench::timeCommand},
    {"mount-ready", bench::mountReady},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) bench::usage("usage: client VERB ARGUMENT...");
  const std::string_view name = argv[1];
  for (const Verb& verb : kVerbs) {
    if (verb.name != name) continue;
    verb.run(bench::Args({argv + 2, static_cast<std::size_t>(argc - 2)}));
    return 0;
  }
  bench::usage("no such verb: " + std::string(name));
}
