// What a connection string says about itself, before anything is opened.
#pragma once

#include <string>

namespace pgsluice::pg {

// True when the conninfo or URI carries a secret (password, sslpassword) in its own text, which on a command line every
// user of the machine can read. A text that libpq cannot parse carries none that it would use.
bool holds_password(const std::string& conninfo);

}  // namespace pgsluice::pg
