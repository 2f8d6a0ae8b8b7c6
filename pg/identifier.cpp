#include "pg/identifier.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <memory>
#include <new>

#include "pg/failure.hpp"

namespace pgsluice::pg {

namespace {

struct FreeConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};

struct FreeText {
  void operator()(char* text) const { PQfreemem(text); }
};

// libpq's escape functions want a connection for its encoding. One that failed to parse its own conninfo never touches
// the network and keeps the defaults: SQL_ASCII, which is right for every encoding in which bytes below 128 mean ASCII,
// and standard_conforming_strings unknown, which makes literals with a backslash come out as E''.
PGconn* offline_connection() {
  thread_local const std::unique_ptr<PGconn, FreeConnection> connection(PQconnectStart("pgsluice_no_such_option=1"));
  if (!connection) {
    throw std::bad_alloc();
  }
  return connection.get();
}

void refuse_nul(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    throw Failure(FailureKind::refused, "a name or value holds a NUL byte, which PostgreSQL cannot store");
  }
}

bool needs_quotes(std::string_view name) {
  const auto is_start = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const auto is_rest = [&](char c) { return is_start(c) || (c >= '0' && c <= '9') || c == '$'; };
  return name.empty() || !is_start(name.front()) || !std::all_of(name.begin(), name.end(), is_rest);
}

// Reads names separated by `separator` from a whole text.
std::vector<std::string> parse_names(std::string_view text, char separator) {
  const auto refuse = [&](std::string_view why) -> Failure {
    return Failure(FailureKind::refused, "\"" + std::string(text) + "\" is not a name: " + std::string(why))
        .hint("Write names as in psql: schema.table, or \"Odd Schema\".\"Table\" inside shell quotes.");
  };
  std::vector<std::string> names;
  std::size_t at = 0;
  const auto skip_space = [&] {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) {
      ++at;
    }
  };
  while (true) {
    skip_space();
    std::string name;
    if (at < text.size() && text[at] == '"') {
      ++at;
      while (true) {
        if (at >= text.size()) {
          throw refuse("a quote is not closed");
        }
        if (text[at] == '"') {
          if (at + 1 < text.size() && text[at + 1] == '"') {
            ++at;
          } else {
            break;
          }
        }
        name.push_back(text[at++]);
      }
      ++at;
    } else {
      while (at < text.size() && text[at] != separator && text[at] != ' ' && text[at] != '\t' && text[at] != '"') {
        const char c = text[at++];
        name.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
      }
    }
    if (name.empty()) {
      throw refuse("a part of it is empty");
    }
    if (name.size() > kNameBytesMax) {
      throw refuse("it is longer than 63 bytes");
    }
    names.push_back(std::move(name));
    skip_space();
    if (at == text.size()) {
      return names;
    }
    if (text[at] != separator) {
      throw refuse("something follows a complete name");
    }
    ++at;
  }
}

}  // namespace

std::string quoted(std::string_view name) {
  refuse_nul(name);
  if (name.empty() || name.size() > kNameBytesMax) {
    throw Failure(FailureKind::refused, "\"" + std::string(name) + "\" cannot be a name: it has " +
                                            std::to_string(name.size()) + " bytes, and 1 to 63 are possible");
  }
  const std::unique_ptr<char, FreeText> text(PQescapeIdentifier(offline_connection(), name.data(), name.size()));
  if (!text) {
    throw std::bad_alloc();
  }
  return text.get();
}

std::string quoted(const QualifiedName& name) {
  return name.schema.empty() ? quoted(name.name) : quoted(name.schema) + "." + quoted(name.name);
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    list += (list.empty() ? "" : ", ") + quoted(name);
  }
  return list;
}

std::string literal(std::string_view value) {
  refuse_nul(value);
  const std::unique_ptr<char, FreeText> text(PQescapeLiteral(offline_connection(), value.data(), value.size()));
  if (!text) {
    throw std::bad_alloc();
  }
  return text.get();
}

std::string display(std::string_view name) {
  return needs_quotes(name) ? quoted(name) : std::string(name);
}

std::string display(const QualifiedName& name) {
  return name.schema.empty() ? display(name.name) : display(name.schema) + "." + display(name.name);
}

QualifiedName parse_qualified_name(std::string_view text) {
  std::vector<std::string> parts = parse_names(text, '.');
  if (parts.size() > 2) {
    throw Failure(FailureKind::refused, "\"" + std::string(text) + "\" has more than a schema and a name")
        .hint("The database is chosen by the connection (--source, --target), not by the table's name.");
  }
  if (parts.size() == 1) {
    return {"", std::move(parts[0])};
  }
  return {std::move(parts[0]), std::move(parts[1])};
}

std::vector<std::string> parse_name_list(std::string_view text) {
  return parse_names(text, ',');
}

}  // namespace pgsluice::pg
