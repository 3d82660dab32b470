// daemon.h - a plain mount, served by this process without node, from the command line to its end.
//
// Why there are two ways to serve a mount stands in docs/DESIGN.md: container engines start one for each container, and
// node takes more time and memory than the mount itself.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

namespace unionfs::daemon {

// `said`: lines for the caller's stderr.
using Usable = std::function<void(const std::string& said)>;

// Nothing: node has to do it, which also tells what is wrong; nothing has changed and nothing is held. Else the mount
// has been served to its end, and that is the exit code. `usable` is called once, when the mount can be used. Signals are
// as they were on return, and no thread is left.
std::optional<int> tryToServe(bool standIn, std::span<char* const> words, const std::string& version, const Usable& usable);

}  // namespace unionfs::daemon
