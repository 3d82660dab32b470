// content.h - what the layers below a stressed tree hold, decided by the seed, so that a worker knows what it must
// find without having looked.
//
// A round's tree: own-W/dD/fF for each worker W, and shared/... for all. A name is in one layer, in several (the top
// one shows), or deleted by a higher layer; some directories are opaque in the top layer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

inline constexpr int kOwnDirectories = 8;
inline constexpr int kOwnFiles = 12;

using Bytes = std::vector<uint8_t>;

struct TreePlan {
  uint64_t seed;
  int workers;
  int layers;
};

// The bytes a source numbered `id` gives; every id gives other bytes, and all lengths of one id share a prefix.
Bytes makeBytes(uint64_t id, size_t length);

// What worker W must find in own-W/dD/fF; nullopt: no such name.
std::optional<Bytes> expectedOwn(const TreePlan& plan, int worker, int directory, int file);

std::string ownDirectory(int worker, int directory);
std::string ownFile(int file);

// Writes one layer (0 is the lowest) below `root`. With `markers` deletions become whiteouts and opaque directories
// as overlayfs has them; without, they are carried out, so that preparing every layer over one plain directory gives the
// merged tree. Exits with a message on failure.
void prepareLayer(const TreePlan& plan, const char* root, int layer, bool markers);
