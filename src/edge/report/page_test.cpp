#include "edge/report/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/report/markup.h"
#include "edge/report/test_markup.h"

namespace weir::report {
namespace {

using testing::HasSubstr;
using testing::Not;

Page page_with(const std::string& text) {
  Page page(text, text);
  page.paragraph(text);
  page.subheading(text);
  page.key_figures({{text, text, text}, {text, "7"}});
  page.heading(text);
  page.chart(text, "<svg class=\"chart\"></svg>\n");
  page.chart(text, "<svg class=\"chart\"></svg>\n");
  page.subheading(text);
  page.table({text, "n"}, {{text, "1"}}, text);
  page.table({text}, {});
  return page;
}

TEST(Page, EscapesEveryText) {
  const std::string html = page_with("<script>alert(\"x\" & 'y')</script>").to_html();
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)"));
  EXPECT_EQ(find_markup_fault(html), "");
}

TEST(Page, LoadsNothing) {
  const std::string html = page_with("plain").to_html();
  for (const char* word : {"http", "src=", "href", "@import", "url(", "<link"}) {
    EXPECT_THAT(html, Not(HasSubstr(word)));
  }
  EXPECT_THAT(html, HasSubstr("<html lang=\"en\">"));
}

TEST(Page, GivesTheSameBytesAgain) {
  const Page page = page_with("ä");
  EXPECT_EQ(page.to_html(), page.to_html());
  EXPECT_EQ(page.to_html(), page_with("ä").to_html());
}

TEST(Page, KeepsHeadingsInOrder) {
  Page page("title", "");
  page.subheading("no section yet");
  page.subheading("below");
  const std::string html = page.to_html();
  EXPECT_THAT(html, HasSubstr("<h1>title</h1>"));
  EXPECT_THAT(html, HasSubstr("<h2>no section yet</h2>\n<h3>below</h3>"));
}

TEST(Page, AlignsColumnsOfNumbersRight) {
  Page page("title", "");
  page.table({"rule", "rows", "share", "day", "mixed"},
             {{"field_count", "1,234", "0.2%", "2019-08-22", "1"},
              {"7 eleven", "-5", "–", "2019-08-23", "n/a"}});
  const std::string html = page.to_html();
  EXPECT_THAT(html, HasSubstr("<td class=\"number\">1,234</td><td class=\"number\">0.2%</td>"
                              "<td>2019-08-22</td><td>1</td>"));
  EXPECT_THAT(html, HasSubstr("<td>field_count</td>"));
}

TEST(Page, SaysThatATableHasNoRows) {
  Page page("title", "");
  page.table({"a", "b"}, {});
  EXPECT_THAT(page.to_html(), HasSubstr("<td colspan=\"2\" class=\"nothing\">no rows</td>"));
}

TEST(PageDeathTest, RefusesRowsOfAnotherLength) {
  Page page("title", "");
  EXPECT_DEATH(page.table({"a", "b"}, {{"1"}}), "row.size\\(\\) == columns.size\\(\\)");
}

TEST(Markup, ReplacesWhatIsNoText) {
  EXPECT_EQ(escape_markup("a\x01"), "a\uFFFD");
  EXPECT_EQ(escape_markup("\xC3"), "\uFFFD");
  EXPECT_EQ(escape_markup("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // A surrogate.
  EXPECT_EQ(escape_markup("ä€𝄞\n"), "ä€𝄞\n");
}

TEST(Markup, ShortensByCharacters) {
  EXPECT_EQ(count_characters("ä€𝄞"), 3U);
  EXPECT_EQ(shorten("ä€𝄞", 3), "ä€𝄞");
  EXPECT_EQ(shorten("ä€𝄞x", 3), "ä€…");
}

TEST(Markup, FaultsAreFound) {
  EXPECT_EQ(find_markup_fault("<a b=\"c\"><d/></a>"), "");
  EXPECT_NE(find_markup_fault("<a><b></a></b>"), "");
  EXPECT_NE(find_markup_fault("<a>"), "");
  EXPECT_NE(find_markup_fault("<a>&</a>"), "");
  EXPECT_NE(find_markup_fault("<a b=\"<\"></a>"), "");
}

}  // namespace
}  // namespace weir::report
