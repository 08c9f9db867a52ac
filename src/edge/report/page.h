#pragma once

#include <string>
#include <vector>

namespace weir::report {

/// A number to be seen first, as a card.
struct KeyFigure {
  std::string label;
  std::string value;
  std::string note = {};  ///< Small print under the value; may be empty.
};

/// One self-contained HTML page: inline style, no scripts, nothing loaded; light and dark as the
/// reader's system is, fit for print and for screens 400 px wide.
///
/// Parts appear in the order of the calls. Texts are plain and get escaped; only the SVG of `chart`
/// is taken as it is. The same calls give the same bytes.
class Page {
 public:
  Page(std::string title, std::string subtitle);

  /// Opens a section.
  void heading(const std::string& text);
  /// A heading under the section's one; a section's heading itself where none came before.
  void subheading(const std::string& text);
  void paragraph(const std::string& text);
  void key_figures(const std::vector<KeyFigure>& figures);
  /// Columns whose cells are all numbers are aligned right. Every row is as long as `columns`
  /// (WEIR_CHECK). `caption` may be empty.
  void table(const std::vector<std::string>& columns,
             const std::vector<std::vector<std::string>>& rows,
             const std::string& caption = {});
  /// A figure with the `to_svg` of a chart; charts that follow one another share a grid.
  void chart(const std::string& caption, const std::string& svg);

  std::string to_html() const;

 private:
  void close_grid();

  std::string title_;
  std::string subtitle_;
  std::string body_;
  bool has_section_ = false;
  bool grid_open_ = false;
};

}  // namespace weir::report
