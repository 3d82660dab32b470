// verbs.h - every piece of work the client can do. Each prints one report; the times in it cover the work alone.
#pragma once

#include "args.h"

namespace bench {

// tree.cc
void makeTree(const Args& args);    // DIR --dirs --files --size [--layers N --layer I]: layer I of N gets every Nth file
void makeFlat(const Args& args);    // DIR --files --size [--layers N --layer I]: one directory, files n000000 and on
void makeFile(const Args& args);    // FILE --bytes: no holes, contents that do not compress to nothing
void walk(const Args& args);        // DIR: readdir and lstat of everything below
void listLong(const Args& args);    // DIR: what `ls -l` asks of the kernel
void removeTree(const Args& args);  // DIR: what `rm -rf` asks of the kernel

// names.cc (a tree of makeTree)
void statFiles(const Args& args);      // DIR --dirs --files
void openReadClose(const Args& args);  // DIR --dirs --files
void misses(const Args& args);         // DIR --dirs --files --count --salt: stat of absent names in known directories
void firstLookups(const Args& args);   // DIR --dirs --name: one lstat in each of DIR/0, DIR/1, ...; reports the median

// changes.cc
void churn(const Args& args);   // DIR --dirs --files: create, rename, unlink in existing directories
void unpack(const Args& args);  // DIR --dirs --files --size: what tar does for an archive of that shape

// data.cc
void readSequential(const Args& args);   // FILE --block [--bytes]
void writeSequential(const Args& args);  // FILE --block --bytes: a new file; reports close and fsync apart
void readRandom(const Args& args);       // FILE --block --count
void writeRandom(const Args& args);      // FILE --block --count --bytes: a file made for it first, not timed
void readMapped(const Args& args);       // FILE: touches every page of a mapping

// clients.cc
void copyUpLatency(const Args& args);  // DIR --big FILE --dirs --files --idle-ms: a second client's latencies
void manyClients(const Args& args);    // DIR --dirs --files --clients --each: mixed work in several processes

// command.cc
void timeCommand(const Args& args);  // --log FILE [--cwd DIR] [--stdin FILE] -- COMMAND...
void mountReady(const Args& args);   // --log FILE --mountpoint DIR [--cwd DIR] -- COMMAND...: until DIR answers as a mount

}  // namespace bench
