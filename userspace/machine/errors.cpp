// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/errors.hpp"

#include <cerrno>

namespace synfate::machine {
namespace {

ErrorKind kind_of(int error_number) {
  switch (error_number) {
    case EACCES:
    case EPERM: return ErrorKind::Permission;
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
    case ENXIO:
    case ESRCH: return ErrorKind::Gone;
    case ENOSYS:
    case EOPNOTSUPP:
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT: return ErrorKind::Unsupported;
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG: return ErrorKind::BadData;
    default: return ErrorKind::Io;
  }
}

}  // namespace

Error errno_error(int error_number, std::string what) { return {kind_of(error_number), std::move(what), errno_text(error_number), ""}; }

}  // namespace synfate::machine
