// chaos.h - the part of a worker that knows nothing: every operation on names and descriptors that all workers share,
// at random. Any errno a healthy file system may give is right; the other ones end the run (report.h).
#pragma once

#include <csignal>
#include <string>
#include <vector>

#include "fd.h"
#include "rng.h"

class Chaos {
 public:
  // `root` is the directory that holds shared/.
  Chaos(int root, uint64_t seed);

  void step();

 private:
  // Returns 0 or an errno.
  using Operation = int (Chaos::*)();
  struct NamedOperation {
    const char* name;
    Operation run;
    bool asOtherUser;  // may be done with another user's credentials
  };
  static const NamedOperation kOperations[];

  // chaos_files.cc
  int openAny();
  int readFile();
  int writeFile();
  int vectorIo();
  int mapFile();
  int truncatePath();
  int truncateFd();
  int allocate();
  int copyRange();
  int sendBytes();
  int seek();
  int syncAny();
  int unlinkOpen();
  int temporaryFile();
  int closeHeld();
  int lockFlock();
  int lockPosix();
  int lockOfdWaiting();
  int execute();
  // chaos_names.cc
  int createExclusive();
  int makeDirectory();
  int makeNode();
  int makeSymlink();
  int makeLink();
  int renamePlain();
  int renameFlags();
  int unlinkFile();
  int removeDirectory();
  int removeRecursively();
  int lookUp();
  int lookUpTooLong();
  int readLink();
  int listDirectory();
  int standInRemoved();
  // chaos_attributes.cc
  int changeMode();
  int changeOwner();
  int changeTimes();
  int setAttribute();
  int getAttribute();
  int listAttributes();
  int removeAttribute();
  int setAcl();
  int statEverything();
  int fileFlags();
  int fileHandle();

  // A path below shared/, existing or not.
  std::string anyPath();
  std::string anyDirectory();
  // A descriptor of a path opened in some way, or one kept from before; invalid with errno set when that fails.
  int borrowDescriptor(int flags);

  int root_;
  Rng rng_;
  std::vector<Fd> kept_;
  Fd scratch_;  // the descriptor borrowDescriptor lent last
};

// 0 for success, errno for failure, of a call that answers -1.
int errnoOf(long result);

// Reads and removes what is below a directory; used by the operation and by nothing that must succeed.
int emptyDirectory(int parent, const std::string& path, int depth);
