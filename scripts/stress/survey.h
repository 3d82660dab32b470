// survey.h - reads a whole tree and checks that it agrees with itself.
#pragma once

#include <cstdint>

struct SurveyResult {
  uint64_t entries = 0;
  uint64_t bytes = 0;
};

// Every entry that readdir gives can be looked up and has the type (and, with `checkInodes`, the inode number) that readdir
// gave; no name comes twice; every regular file can be read to its size. Ends the process otherwise (report.h).
SurveyResult surveyTree(int root, bool checkInodes);
