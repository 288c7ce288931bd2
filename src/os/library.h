// A shared library that is loaded when first used: what is not needed costs no start-up time.
//
// It is never unloaded, since its threads and its exit handlers may live as long as the process.
// Threads: any; the loader has its own lock.
#pragma once

#include <string>

#include "base/result.h"

namespace tatara::os {

class Library {
 public:
  // A path, or a name that the loader looks up. kUnavailable with the loader's own words.
  static Result<Library> Open(const std::string& name);

  // The function of that name, or null.
  template <class Function>
  Function* Find(const char* name) const {
    return reinterpret_cast<Function*>(FindSymbol(name));
  }

 private:
  explicit Library(void* handle) : handle_(handle) {}
  void* FindSymbol(const char* name) const;

  void* handle_;
};

}  // namespace tatara::os
