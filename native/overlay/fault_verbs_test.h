// fault_verbs_test.h - every verb that changes the upper, as rows the fault loop goes through (fault_test.cc).
//
// Modes are written out, since what a tree gets by default depends on the umask of the moment.
#pragma once

#include <span>

#include "testing/layer_fixture.h"
#include "testing/merged_view.h"

namespace unionfs::testing {

struct FaultVerb {
  const char* name;
  const char* lower;
  const char* upper;
  const char* after;  // the whole merged tree when the verb is done
  Status (*run)(MergedView&);
  void (*prepare)(LayerFixture&) = nullptr;  // what a literal tree cannot say
  const char* between = nullptr;             // a state that is allowed on disk besides, see the row
};

std::span<const FaultVerb> faultVerbs();

}  // namespace unionfs::testing
