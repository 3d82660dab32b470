// ids.h - owners as the layers store them and as the union shows them.
//
// Containers whose ids are shifted share layers without copies of them: a mapping is applied to every owner that is
// shown, and backwards to every owner that is asked for. Squashing shows one owner for everything.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "overlay/types.h"

namespace unionfs {

struct IdRange {
  uint32_t onDisk = 0;
  uint32_t presented = 0;
  uint32_t count = 0;
};

// Ids of one kind. Without ranges and without a squash, every id is itself.
class IdMap {
 public:
  IdMap() = default;
  // Of ranges that overlap, the first one counts. `overflow` stands for what no range has, in both directions.
  IdMap(std::vector<IdRange> ranges, std::optional<uint32_t> squash, uint32_t overflow);

  [[nodiscard]] uint32_t shown(uint32_t onDisk) const;
  // A squash changes nothing here.
  [[nodiscard]] uint32_t stored(uint32_t presented) const;
  [[nodiscard]] bool squashes() const { return squash_.has_value(); }
  [[nodiscard]] bool isIdentity() const { return identity_; }

 private:
  std::vector<IdRange> ranges_;
  std::optional<uint32_t> squash_;
  uint32_t overflow_ = 65534;
  bool identity_ = true;
};

struct Owners {
  IdMap users, groups;

  [[nodiscard]] bool isIdentity() const { return users.isIdentity() && groups.isIdentity(); }
  void show(Attr& attr) const;
  // The caller, and a change of owner, with ids as the layers store them. A squashed kind of id is not changed.
  [[nodiscard]] Caller store(Caller caller) const;
  [[nodiscard]] AttrChange store(AttrChange change) const;

  // POSIX ACLs (system.posix_acl_*) name users and groups, too.
  [[nodiscard]] std::string showAcl(std::string value) const;
  [[nodiscard]] std::string storeAcl(std::string value) const;
};

}  // namespace unionfs
