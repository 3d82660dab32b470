// words.h - names and arguments as bytes: whether they are text, and how they are shown when they are not.
//
// Node takes them for UTF-8 and puts U+FFFD in place of what is not: another name, which no file has.
#pragma once

#include <string>
#include <string_view>

namespace unionfs::words {

// Well-formed as Unicode has it: no overlong forms, no surrogates, nothing above U+10FFFF.
bool isUtf8(std::string_view bytes);
// As a shell reads it ($'...'), in printable ASCII only: a terminal shows it and obeys nothing in it.
std::string shownBytes(std::string_view bytes);

}  // namespace unionfs::words
