// A role that a test makes beside kOwner, dropped with the object. Roles belong to the whole server, which tests share,
// so its name is made unlike any other. Declare it before the Database in which it is given something: the database
// must go first.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/server_address.hpp"
#include "tests/support/shared_server.hpp"

namespace pgsluice::tests {

class Role {
 public:
  // The name begins with `name`; `attributes` are those of CREATE ROLE. It may log in unless they say otherwise.
  explicit Role(std::string_view name, std::string_view attributes = "LOGIN",
                const ServerAddress& server = shared_server());
  Role(const Role&) = delete;
  Role& operator=(const Role&) = delete;
  ~Role();  // A drop that fails fails the test.

  const std::string& name() const { return name_; }

 private:
  ServerAddress server_;
  std::string name_;
};

}  // namespace pgsluice::tests
