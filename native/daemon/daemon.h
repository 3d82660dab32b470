// daemon.h - a plain mount, served by this process without node, from the command line to its end.
//
// Why there are two ways to serve a mount stands in docs/DESIGN.md: container engines start one for each container, and
// node takes more time and memory than the mount itself.
#pragma once

#include <functional>
#include <span>
#include <string>

namespace unionfs::daemon {

// `said`: lines for the caller's stderr.
using Usable = std::function<void(const std::string& said)>;

enum class Served {
  toItsEnd,    // mounted, served, and gone again
  leftToNode,  // which also tells what is wrong; nothing is held, and nothing has been done that node would not do again
};

// `usable` is called once, when the mount can be used. On return signals and working directory are as they were, and no
// thread is left.
Served tryToServe(bool standIn, std::span<char* const> words, const std::string& version, const Usable& usable);

}  // namespace unionfs::daemon
