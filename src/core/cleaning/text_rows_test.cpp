#include "core/cleaning/text_rows.h"

#include <gtest/gtest.h>

#include "core/transaction/error.h"

namespace weir {
namespace {

const std::string kHeader =
    "# tranaction_id | tx_datetime | customer_id | terminal_id | tx_amount | tx_time_seconds | "
    "tx_time_days | tx_fraud | tx_fraud_scenario\n";

TEST(ToUtf8, EscapesWhatIsNoText) {
  EXPECT_EQ(to_utf8("plain, Ünïcode €𝄞"), "plain, Ünïcode €𝄞");
  EXPECT_EQ(to_utf8(std::string_view("\0\n", 2)), "\\x00\\x0a");
  EXPECT_EQ(to_utf8("\xC0\x80|\xE2\x82|\xED\xA0\x80|\xF5"),
            "\\xc0\\x80|\\xe2\\x82|\\xed\\xa0\\x80|\\xf5");
}

TEST(InspectText, FindsTheHeaderTheLabelsAndTheOrigin) {
  const std::string text = kHeader +
                           "0,2019-08-22 15:07:48,0,0,47.50,54468,0,0,0\n"
                           "1,2019-08-22 10:32:33,1,0,48.06,37953,0,0,0\n";
  const TextLayout layout = inspect_text(text, {}, "a.txt");
  EXPECT_FALSE(layout.is_json());
  EXPECT_TRUE(layout.labelled);
  EXPECT_TRUE(layout.hash_header);
  EXPECT_EQ(layout.time_origin, 1'566'432'000);  // 2019-08-22 00:00:00
}

TEST(InspectText, KnowsJsonLines) {
  EXPECT_TRUE(inspect_text("{\"is_fraud\": 1}\n", {}, "a.json").labelled);
  EXPECT_TRUE(inspect_text("\xEF\xBB\xBF {}\n", {}, "a.json").is_json());
}

TEST(InspectText, RefusesAnEmptyFile) {
  try {
    inspect_text("", {}, "a.txt");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "\"a.txt\" is empty; wanted a header and rows");
  }
}

TEST(TextCleaner, GivesTheSameRowsWhereverTheTextIsCut) {
  std::string body;
  for (int i = 0; i < 200; ++i) {
    body += std::to_string(i) + ",2019-08-22 15:07:48,7," + (i % 9 == 0 ? "Err" : "3") +
            ",47.50,54468,0,0,0\r\n";
    if (i % 50 == 0) body += "\n" + kHeader;  // A blank line and a header inside are no rows.
  }
  const std::string text = kHeader + body;
  const TextLayout layout = inspect_text(text, {}, "a.txt");
  const CleaningConfig config;
  TextRows whole;
  TextCleaner(config).clean(layout, text, true, true, whole);
  EXPECT_EQ(whole.rows.size() + whole.rejects.size(), 200u);
  EXPECT_EQ(whole.rejects.size(), 23u);  // ceil(200 / 9)
  for (const std::size_t cut : {kHeader.size(), text.find('\n', 3'000) + 1}) {
    TextRows head, tail;
    TextCleaner(config).clean(layout, std::string_view(text).substr(0, cut), true, true, head);
    TextCleaner(config).clean(layout, std::string_view(text).substr(cut), false, true, tail);
    EXPECT_EQ(head.lines + tail.lines, whole.lines);
    RowTally in = head.in;
    in += tail.in;
    EXPECT_EQ(in, whole.in);
    ASSERT_EQ(head.rows.size() + tail.rows.size(), whole.rows.size());
    for (std::size_t i = 0; i < tail.rows.size(); ++i) {
      EXPECT_EQ(tail.rows[i].payment, whole.rows[head.rows.size() + i].payment);
      EXPECT_EQ(tail.rows[i].offset + cut, whole.rows[head.rows.size() + i].offset);
    }
    for (std::size_t i = 0; i < tail.rejects.size(); ++i) {
      const TextReject& expected = whole.rejects[head.rejects.size() + i];
      EXPECT_EQ(tail.rejects[i].reject, expected.reject);
      EXPECT_EQ(tail.rejects[i].line + head.lines, expected.line);
    }
  }
}

TEST(LineAt, EndsBeforeTheLineEnd) {
  EXPECT_EQ(line_at("ab\r\ncd\n", 0), "ab");
  EXPECT_EQ(line_at("ab\r\ncd\n", 4), "cd");
  EXPECT_EQ(line_at("ab", 1), "b");
}

}  // namespace
}  // namespace weir
