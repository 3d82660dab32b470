// content.cc - see content.h.
#include "content.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "fd.h"
#include "rng.h"

namespace {

constexpr uint32_t kMaxLowerBytes = 40000;
constexpr int kSharedDirectories = 5;
constexpr int kSharedFiles = 20;

enum class Placed {
  none,      // this layer says nothing about the name
  file,      // this layer has the name
  whiteout,  // this layer deletes the name
};

uint64_t slotId(const TreePlan& plan, int worker, int directory, int file, int layer) {
  uint64_t id = mix(plan.seed);
  for (const int part : {worker, directory, file, layer}) id = mix(id ^ static_cast<uint64_t>(part + 1));
  return id;
}

bool isOpaqueIn(const TreePlan& plan, int directory, int layer) { return directory % 4 == 3 && layer == plan.layers - 1 && layer > 0; }

Placed placedIn(const TreePlan& plan, int worker, int directory, int file, int layer) {
  if (file % plan.layers == layer) return Placed::file;
  switch (slotId(plan, worker, directory, file, layer) % 5) {
    case 0:
      return Placed::file;
    case 1:
      // Nothing is left to delete in an opaque directory, and kernel overlayfs would show a marker in it.
      return layer > 0 && !isOpaqueIn(plan, directory, layer) ? Placed::whiteout : Placed::none;
    default:
      return Placed::none;
  }
}

Bytes slotBytes(const TreePlan& plan, int worker, int directory, int file, int layer) {
  const uint64_t id = slotId(plan, worker, directory, file, layer);
  return makeBytes(id, (id >> 8) % kMaxLowerBytes);
}

void require(bool good, const std::string& what) {
  if (good) return;
  std::fprintf(stderr, "stress: prepare: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

void makeDirectory(const std::string& path) { require(mkdir(path.c_str(), 0755) == 0 || errno == EEXIST, path); }

void writeFile(const std::string& path, const Bytes& bytes) {
  const Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  require(fd.valid(), path);
  require(write(fd.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), path);
}

void deleteName(const std::string& path, bool markers) {
  if (markers) {
    require(mknod(path.c_str(), S_IFCHR, makedev(0, 0)) == 0, path);
  } else {
    require(unlink(path.c_str()) == 0 || errno == ENOENT, path);
  }
}

void makeOpaque(const std::string& path, bool markers) {
  if (markers) {
    require(setxattr(path.c_str(), "trusted.overlay.opaque", "y", 1, 0) == 0, path);
    return;
  }
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    require(unlink(entry.path().c_str()) == 0, entry.path().string());
  }
}

// worker -1 stands for the shared part.
void prepareDirectory(const TreePlan& plan, const std::string& path, int worker, int directory, int files, int layer, bool markers) {
  makeDirectory(path);
  if (isOpaqueIn(plan, directory, layer)) makeOpaque(path, markers);
  for (int file = 0; file < files; ++file) {
    const std::string name = path + "/" + (worker < 0 ? "n" + std::to_string(file) : ownFile(file));
    switch (placedIn(plan, worker, directory, file, layer)) {
      case Placed::none:
        break;
      case Placed::file:
        writeFile(name, slotBytes(plan, worker, directory, file, layer));
        break;
      case Placed::whiteout:
        deleteName(name, markers);
        break;
    }
  }
}

}  // namespace

Bytes makeBytes(uint64_t id, size_t length) {
  Bytes bytes(length);
  for (size_t at = 0; at < length; at += sizeof(uint64_t)) {
    const uint64_t word = mix(id ^ at);
    std::memcpy(bytes.data() + at, &word, std::min(sizeof word, length - at));
  }
  return bytes;
}

std::optional<Bytes> expectedOwn(const TreePlan& plan, int worker, int directory, int file) {
  for (int layer = plan.layers - 1; layer >= 0; --layer) {
    const Placed placed = placedIn(plan, worker, directory, file, layer);
    if (placed == Placed::file) return slotBytes(plan, worker, directory, file, layer);
    if (placed == Placed::whiteout || isOpaqueIn(plan, directory, layer)) return std::nullopt;
  }
  return std::nullopt;
}

std::string ownDirectory(int worker, int directory) { return "own-" + std::to_string(worker) + "/d" + std::to_string(directory); }

std::string ownFile(int file) { return "f" + std::to_string(file); }

void prepareLayer(const TreePlan& plan, const char* root, int layer, bool markers) {
  const std::string base(root);
  makeDirectory(base);
  for (int worker = 0; worker < plan.workers; ++worker) {
    makeDirectory(base + "/own-" + std::to_string(worker));
    for (int directory = 0; directory < kOwnDirectories; ++directory) {
      prepareDirectory(plan, base + "/" + ownDirectory(worker, directory), worker, directory, kOwnFiles, layer, markers);
    }
  }
  makeDirectory(base + "/shared");
  for (int directory = 0; directory < kSharedDirectories; ++directory) {
    const std::string outer = base + "/shared/d" + std::to_string(directory);
    prepareDirectory(plan, outer, -1, directory, kSharedFiles, layer, markers);
    if (directory % 2 == 0) prepareDirectory(plan, outer + "/d0", -1, directory + 10, kSharedFiles, layer, markers);
  }
  require(chmod((base + "/shared").c_str(), 0777) == 0, "shared");
}
