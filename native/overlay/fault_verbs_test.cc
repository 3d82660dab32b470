// fault_verbs_test.cc - the rows: a union, a verb, and what it shows when the verb is done.
#include "overlay/fault_verbs_test.h"

#include <unistd.h>

namespace unionfs::testing {
namespace {

constexpr Caller kRoot{.uid = 0, .gid = 0, .pid = 0, .umask = 022};

template <typename T>
Status statusOf(MergedView& view, const T& result) {
  if (!result.ok()) return result.error();
  if constexpr (std::is_same_v<T, Result<Entry>>) view.take(*result);
  return success();
}

Status makeFile(MergedView& view) { return statusOf(view, view.overlay().mknod(kRoot, kRootNode, "n", {S_IFREG | 0644, 0})); }
Status makeDir(MergedView& view) { return statusOf(view, view.overlay().mkdir(kRoot, kRootNode, "n", 0755)); }
Status makeSymlink(MergedView& view) { return statusOf(view, view.overlay().symlink(kRoot, kRootNode, "n", "target")); }
Status unlinkFile(MergedView& view) { return view.overlay().unlink(kRoot, kRootNode, "f"); }
Status rmdirDir(MergedView& view) { return view.overlay().rmdir(kRoot, kRootNode, "d"); }
Status moveIt(MergedView& view) { return view.overlay().rename(kRoot, kRootNode, "a", kRootNode, "b", RenameMode::replace); }
Status moveDown(MergedView& view) { return view.overlay().rename(kRoot, kRootNode, "a", view.node("d"), "b", RenameMode::replace); }
Status exchangeThem(MergedView& view) { return view.overlay().rename(kRoot, kRootNode, "a", kRootNode, "b", RenameMode::exchange); }
Status linkIt(MergedView& view) { return statusOf(view, view.overlay().link(kRoot, view.node("a"), kRootNode, "b")); }

Status writeDeep(MergedView& view) {
  constexpr std::string_view kText = "new";
  return statusOf(view, view.overlay().write(kRoot, view.node("d/e/f"), std::as_bytes(std::span(kText)), 0, {}));
}
Status changeMode(MergedView& view, std::string_view path) {
  AttrChange change;
  change.mode = 0600;
  return statusOf(view, view.overlay().setattr(kRoot, view.node(path), change));
}
Status chmodFile(MergedView& view) { return changeMode(view, "f"); }
Status chmodWithTwoNames(MergedView& view) {
  view.node("g");  // a name the engine knows is kept together with the first
  return changeMode(view, "f");
}
Status chmodDir(MergedView& view) { return changeMode(view, "d/e"); }
Status truncateTo(MergedView& view, uint64_t size) {
  AttrChange change;
  change.size = size;
  return statusOf(view, view.overlay().setattr(kRoot, view.node("f"), change));
}
Status cutFile(MergedView& view) { return truncateTo(view, 2); }
Status emptyFile(MergedView& view) { return truncateTo(view, 0); }

void linkLowerNames(LayerFixture& layers) { std::filesystem::create_hard_link(layers.lowerPath() / "f", layers.lowerPath() / "g"); }

// clang-format off
constexpr FaultVerb kVerbs[] = {
    {"create", "", "", "n@0644 = \n", makeFile},
    {"create over a whiteout", "n@0600 = old", "n whiteout", "n@0644 = \n", makeFile},
    {"mkdir over a whiteout of a directory", "n/\nn/x@0644 = 1", "n whiteout", "n@0755/\n", makeDir},
    {"symlink over a whiteout", "n@0600 = old", "n whiteout", "n -> target\n", makeSymlink},

    {"unlink of a lower file", "f@0644 = 1", "", "", unlinkFile},
    {"unlink of an upper file", "", "f@0644 = 1", "", unlinkFile},
    {"unlink of an upper file over a lower one", "f@0644 = 1", "f@0644 = 2", "", unlinkFile},
    {"rmdir of an empty lower directory", "d/", "", "", rmdirDir},
    {"rmdir of a merged directory with whiteouts", "d/\nd/x@0644 = 1", "d/\nd/x whiteout", "", rmdirDir},
    {"rmdir of a pure directory", "", "d/", "", rmdirDir},
    {"rmdir of a pure directory with markers", "", "d/\nd/x whiteout", "", rmdirDir},
    {"rmdir of an opaque directory over a lower one", "d/\nd/x@0644 = 1", "d/ opaque", "", rmdirDir},

    {"rename of a lower file", "a@0644 = 1", "", "b@0644 = 1\n", moveIt},
    {"rename of a lower file into a lower directory", "a@0644 = 1\nd/", "", "d@0755/\nd/b@0644 = 1\n", moveDown},
    {"rename of an upper file", "", "a@0644 = 1", "b@0644 = 1\n", moveIt},
    {"rename of an upper file over a lower one", "b@0644 = old", "a@0644 = new", "b@0644 = new\n", moveIt},
    {"rename of a file of both layers", "a@0644 = old", "a@0644 = new", "b@0644 = new\n", moveIt},
    {"rename of a lower file over an upper one", "a@0644 = 1", "b@0644 = 2", "b@0644 = 1\n", moveIt},
    {"rename of a lower file over a whiteout", "a@0644 = 1\nb@0644 = 2", "b whiteout", "b@0644 = 1\n", moveIt},
    {"rename of an upper file over a whiteout", "b@0644 = 2", "a@0644 = 1\nb whiteout", "b@0644 = 1\n", moveIt},
    {"rename of a lower symlink", "a -> target", "", "b -> target\n", moveIt},
    {"rename of a lower fifo over a whiteout", "a@0640 fifo\nb@0644 = 2", "b whiteout", "b@0640 fifo\n", moveIt},
    {"rename of a directory", "", "a/\na/x@0644 = 1", "b@0755/\nb/x@0644 = 1\n", moveIt},
    {"rename of a directory over a whiteout", "b/\nb/y@0644 = 2", "a/\na/x@0644 = 1\nb whiteout", "b@0755/\nb/x@0644 = 1\n", moveIt},
    {"rename of an opaque directory over a lower one", "a/\na/y@0644 = 2", "a/ opaque\na/x@0644 = 1", "b@0755/\nb/x@0644 = 1\n", moveIt},
    {"rename of an opaque directory over a lower one over a whiteout", "a/\na/y@0644 = 2\nb/\nb/z@0644 = 3", "a/ opaque\na/x@0644 = 1\nb whiteout", "b@0755/\nb/x@0644 = 1\n", moveIt},
    {"rename of a directory over a merged one with whiteouts", "b/\nb/y@0644 = 2", "a/\na/x@0644 = 1\nb/\nb/y whiteout", "b@0755/\nb/x@0644 = 1\n", moveIt},
    {"rename of a directory over an empty lower one", "b/", "a/\na/x@0644 = 1", "b@0755/\nb/x@0644 = 1\n", moveIt},
    {"rename of a directory over a pure one with markers", "", "a/\na/x@0644 = 1\nb/\nb/y whiteout", "b@0755/\nb/x@0644 = 1\n", moveIt},
    {"exchange of a lower and an upper file", "a@0644 = 1", "b@0644 = 2", "a@0644 = 2\nb@0644 = 1\n", exchangeThem},
    {"exchange of a lower file and a directory", "a@0644 = 1", "b/\nb/x@0644 = 2", "a@0755/\na/x@0644 = 2\nb@0644 = 1\n", exchangeThem},

    {"link of a lower file", "a@0644 = 1", "", "a@0644 = 1\nb@0644 = 1\n", linkIt},
    {"link of a lower file over a whiteout", "a@0644 = 1\nb@0644 = 2", "b whiteout", "a@0644 = 1\nb@0644 = 1\n", linkIt},
    {"link of an upper file over a whiteout", "b@0644 = 2", "a@0644 = 1\nb whiteout", "a@0644 = 1\nb@0644 = 1\n", linkIt},

    {"write to a file deep in a lower", "d/\nd/e/\nd/e/f@0644 = old text", "", "d@0755/\nd/e@0755/\nd/e/f@0644 = new text\n", writeDeep},
    {"chmod of a lower file", "f@0644 = 1", "", "f@0600 = 1\n", chmodFile},
    {"chmod of a lower directory", "d/\nd/e/\nd/e/f@0644 = 1", "", "d@0755/\nd/e@0600/\nd/e/f@0644 = 1\n", chmodDir},
    {"truncation of a lower file", "f@0644 = text", "", "f@0644 = te\n", cutFile},
    {"truncation of a lower file to nothing", "f@0644 = text", "", "f@0644 = \n", emptyFile},
    // Between the copy and the link of its other name, a mount that finds only one of the two made keeps them apart, as
    // kernel overlayfs does without its index.
    {"chmod of a lower file with two names", "f@0644 = 1", "", "f@0600 = 1\ng@0600 = 1\n", chmodWithTwoNames, linkLowerNames, "f@0600 = 1\ng@0644 = 1\n"},
};
// clang-format on

}  // namespace

std::span<const FaultVerb> faultVerbs() { return kVerbs; }

}  // namespace unionfs::testing
