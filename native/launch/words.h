// words.h - the words of the command line as bytes, before node makes text of them.
//
// Node takes arguments for UTF-8 and puts U+FFFD in place of what is not: another name, which no file has. Only the
// starter can see it, so it refuses.
#pragma once

#include <string>
#include <string_view>

namespace unionfs::launch {

// Well-formed as Unicode has it: no overlong forms, no surrogates, nothing above U+10FFFF.
bool isUtf8(std::string_view bytes);
// As a shell reads it ($'...'), in printable ASCII only: a terminal shows it and obeys nothing in it.
std::string shownBytes(std::string_view bytes);

}  // namespace unionfs::launch
