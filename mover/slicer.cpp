#include "mover/slicer.hpp"

#include <algorithm>
#include <charconv>

#include "pg/statements.hpp"
#include "planner/source_rows_sql.hpp"

namespace pgsluice::mover {

namespace {

// A place in the heap: `block` or `block,offset` in a Key.
struct Place {
  std::uint64_t block = 0;
  std::uint64_t offset = 0;
};

Place place_of(const planner::Key& key) {
  const std::string& text = key.at(0);
  Place place;
  const char* end = text.data() + text.size();
  const auto [comma, error] = std::from_chars(text.data(), end, place.block);
  if (comma != end) {
    std::from_chars(comma + 1, end, place.offset);
  }
  return place;
}

planner::Key key_of(const Place& place) {
  return {place.offset == 0 ? std::to_string(place.block)
                            : std::to_string(place.block) + "," + std::to_string(place.offset)};
}

// A heap tuple takes at least 24 bytes of header and 4 of line pointer.
// Source: PostgreSQL src/include/access/htup_details.h, MaxHeapTuplesPerPage.
constexpr std::uint64_t kTupleBytesMin = 28;

std::uint64_t block_bytes(const planner::TableSize& size) {
  constexpr std::uint64_t kDefaultBlockBytes = 8192;
  return size.page_count > 0 ? static_cast<std::uint64_t>(size.heap_bytes / size.page_count) : kDefaultBlockBytes;
}

}  // namespace

Slicer::Slicer(const planner::Plan& plan)
    : plan_(plan),
      rows_per_block_(std::max(1.0, plan.source.size.rows_estimate /
                                        std::max<double>(1.0, static_cast<double>(plan.source.size.page_count)))),
      offsets_max_(block_bytes(plan.source.size) / kTupleBytesMin) {}

Cut Slicer::next(pg::Connection& source, const planner::Range& range, const std::optional<planner::Key>& position,
                 std::uint64_t rows) const {
  std::optional<pg::Result> answer;
  if (const auto asked = question(range, position, rows, source.server_major_version())) {
    answer = source.query(asked->sql, asked->parameters);
  }
  return cut(range, position, rows, answer ? &*answer : nullptr);
}

std::optional<pg::Step> Slicer::question(const planner::Range& range, const std::optional<planner::Key>& position,
                                         std::uint64_t rows, int server_major_version) const {
  if (!plan_.key.is_ctid()) {
    planner::Condition step = planner::step_sql(plan_.key, planner::source_rows_sql(plan_.source),
                                                position ? position : range.lower, range.upper, rows);
    return pg::Step{std::move(step.sql), std::move(step.parameters)};
  }
  if (range.upper) {
    return std::nullopt;
  }
  return pg::Step{pg::statement("source_page_count", server_major_version), {source_table_sql(plan_)}};
}

Cut Slicer::cut(const planner::Range& range, const std::optional<planner::Key>& position, std::uint64_t rows,
                const pg::Result* answer) const {
  const std::optional<planner::Key>& from = position ? position : range.lower;
  if (!plan_.key.is_ctid()) {
    return cut_by_key(range, from, rows, *answer);
  }
  return cut_by_ctid(range, from, rows,
                     range.upper ? place_of(*range.upper).block : static_cast<std::uint64_t>(answer->integer(0, 0)));
}

Cut Slicer::cut_by_key(const planner::Range& range, const std::optional<planner::Key>& from, std::uint64_t rows,
                       const pg::Result& step) {
  Cut cut{{from, range.upper}, step.row_count() == 0, rows == 1};
  if (!cut.is_last) {
    planner::Key upper;
    for (int i = 0; i < step.column_count(); ++i) {
      upper.emplace_back(step.text(0, i));
    }
    cut.slice.upper = std::move(upper);
  }
  return cut;
}

Cut Slicer::cut_by_ctid(const planner::Range& range, const std::optional<planner::Key>& from, std::uint64_t rows,
                        std::uint64_t end_block) const {
  const Place begin = from ? place_of(*from) : Place{};
  Place end;
  const auto block_count = static_cast<std::uint64_t>(static_cast<double>(rows) / rows_per_block_);
  if (block_count >= 1) {
    end.block = begin.block + block_count;
  } else {
    end = {begin.block, begin.offset + rows};
    if (end.offset > offsets_max_) {
      end = {begin.block + 1, 0};
    }
  }
  if (end.block >= end_block) {
    return {{from, range.upper}, true, rows == 1 && begin.block + 1 >= end_block && begin.offset + 1 > offsets_max_};
  }
  return {{from, key_of(end)}, false, rows == 1};
}

}  // namespace pgsluice::mover
