#include "edge/report/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/transaction/error.h"
#include "edge/report/markup.h"
#include "edge/report/style.h"

namespace weir::report {
namespace {

enum class CellKind : unsigned char { kNothing, kNumber, kText };

// `1,234`, `-0.5%`, `0.81 ± 0.02`, `12 ms` and `€3` are numbers; dates and times are not.
CellKind cell_kind(std::string_view cell) {
  if (cell.empty() || cell == "–" || cell == "-" || cell == "—") return CellKind::kNothing;
  for (const std::string_view sign : {"-", "+", "−", "±", "<", ">", "~", "€", "$"}) {
    if (cell.starts_with(sign)) cell.remove_prefix(sign.size());
  }
  if (cell.empty() || cell.front() < '0' || cell.front() > '9') return CellKind::kText;
  const std::size_t dash = cell.find_first_of("-:/");
  if (dash == std::string_view::npos || cell[dash - 1] == 'e') return CellKind::kNumber;
  return CellKind::kText;
}

bool is_numeric(const std::vector<std::vector<std::string>>& rows, std::size_t column) {
  bool any_number = false;
  for (const auto& row : rows) {
    const CellKind kind = cell_kind(row[column]);
    if (kind == CellKind::kText) return false;
    any_number = any_number || kind == CellKind::kNumber;
  }
  return any_number;
}

}  // namespace

Page::Page(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void Page::close_grid() {
  if (grid_open_) body_ += "</div>\n";
  grid_open_ = false;
}

void Page::heading(const std::string& text) {
  close_grid();
  has_section_ = true;
  body_ += fmt::format("<h2>{}</h2>\n", escape_markup(text));
}

void Page::subheading(const std::string& text) {
  if (!has_section_) return heading(text);
  close_grid();
  body_ += fmt::format("<h3>{}</h3>\n", escape_markup(text));
}

void Page::paragraph(const std::string& text) {
  close_grid();
  body_ += fmt::format("<p>{}</p>\n", escape_markup(text));
}

void Page::key_figures(const std::vector<KeyFigure>& figures) {
  close_grid();
  if (figures.empty()) return;
  body_ += "<dl class=\"cards\">\n";
  for (const KeyFigure& figure : figures) {
    body_ += fmt::format("<div class=\"card\"><dt>{}</dt><dd class=\"value\">{}</dd>",
                         escape_markup(figure.label), escape_markup(figure.value));
    if (!figure.note.empty()) {
      body_ += fmt::format("<dd class=\"note\">{}</dd>", escape_markup(figure.note));
    }
    body_ += "</div>\n";
  }
  body_ += "</dl>\n";
}

void Page::table(const std::vector<std::string>& columns,
                 const std::vector<std::vector<std::string>>& rows,
                 const std::string& caption) {
  close_grid();
  for (const auto& row : rows) WEIR_CHECK(row.size() == columns.size());
  std::vector<std::string_view> classes;
  for (std::size_t column = 0; column < columns.size(); ++column) {
    classes.push_back(is_numeric(rows, column) ? " class=\"number\"" : "");
  }
  // Focusable, so that the keyboard can scroll it.
  body_ += fmt::format("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">",
                       caption.empty() ? "Table" : escape_markup(caption));
  body_ += "<table>\n";
  if (!caption.empty()) body_ += fmt::format("<caption>{}</caption>\n", escape_markup(caption));
  body_ += "<thead><tr>";
  for (std::size_t column = 0; column < columns.size(); ++column) {
    body_ +=
        fmt::format("<th scope=\"col\"{}>{}</th>", classes[column], escape_markup(columns[column]));
  }
  body_ += "</tr></thead>\n<tbody>\n";
  for (const auto& row : rows) {
    body_ += "<tr>";
    for (std::size_t column = 0; column < columns.size(); ++column) {
      body_ += fmt::format("<td{}>{}</td>", classes[column], escape_markup(row[column]));
    }
    body_ += "</tr>\n";
  }
  if (rows.empty() && !columns.empty()) {
    body_ +=
        fmt::format("<tr><td colspan=\"{}\" class=\"nothing\">no rows</td></tr>\n", columns.size());
  }
  body_ += "</tbody>\n</table></div>\n";
}

void Page::chart(const std::string& caption, const std::string& svg) {
  if (!grid_open_) body_ += "<div class=\"grid\">\n";
  grid_open_ = true;
  body_ += fmt::format("<figure><figcaption>{}</figcaption>\n{}</figure>\n", escape_markup(caption),
                       svg);
}

std::string Page::to_html() const {
  const std::string title = escape_markup(title_);
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>{}</style>\n"
      "</head>\n<body>\n<main>\n<header><h1>{}</h1>\n",
      title, kStyleSheet, title);
  if (!subtitle_.empty()) {
    html += fmt::format("<p class=\"subtitle\">{}</p>\n", escape_markup(subtitle_));
  }
  html += "</header>\n" + body_;
  if (grid_open_) html += "</div>\n";
  return html + "</main>\n</body>\n</html>\n";
}

}  // namespace weir::report
