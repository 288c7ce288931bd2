#include "os/library.h"

#include <dlfcn.h>

namespace tatara::os {

Result<Library> Library::Open(const std::string& name) {
  void* handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return Unavailable(::dlerror());
  return Library(handle);
}

void* Library::FindSymbol(const char* name) const { return ::dlsym(handle_, name); }

}  // namespace tatara::os
