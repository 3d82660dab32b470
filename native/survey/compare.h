// compare.h - what tells two records of one directory apart, in words.
#pragma once

#include <string>
#include <vector>

#include "index/content_record.h"
#include "index/dir_record.h"

namespace unionfs {

// "NAME: recorded as a file, is a directory". What only one of the two kinds of record says is not compared.
std::vector<std::string> compareRecords(const DirRecordContents& recorded, const DirRecordContents& found);

// "NAME: its contents differ". Names that only one of the two records has are compareRecords' business.
std::vector<std::string> compareContents(const DirRecordContents& recorded, const ContentRecord& recordedSums,
                                         const DirRecordContents& found, const ContentRecord& foundSums);

}  // namespace unionfs
