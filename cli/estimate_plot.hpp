// The estimate as a picture: the trial's rate over time, and the predicted progress of the whole job with the end of
// every burst marked. One self-contained file: no script, no font, nothing from elsewhere.
#pragma once

#include <string>

#include "cli/estimate.hpp"

namespace pgsluice::cli {

// A whole SVG document.
std::string estimate_svg(const Estimate& estimate);

// A page with the picture and the text of the estimate; well-formed XML, too.
std::string estimate_html(const Estimate& estimate);

// Fails: refused, when the name ends neither with .svg nor with .html.
void check_plot_name(const std::string& path);

// One of the two, by the file's name. Fails: local, when the file cannot be written.
void write_plot(const std::string& path, const Estimate& estimate);

}  // namespace pgsluice::cli
