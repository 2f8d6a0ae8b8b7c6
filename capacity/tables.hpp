// The tables of data/*.csv, embedded at build time, so that the program needs no file beside it.
#pragma once

#include <string_view>
#include <vector>

#include "capacity/csv.hpp"

namespace pgsluice::capacity {

struct EmbeddedTable {
  std::string_view name;  // Of the file, without .csv.
  std::string_view csv;
};

const std::vector<EmbeddedTable>& embedded_tables();

// An unknown name is a programmer's error and aborts.
CsvTable table(std::string_view name);

}  // namespace pgsluice::capacity
