#include "edge/kafka/settings.h"

#include <gmock/gmock.h>

#include "core/transaction/error.h"
#include "edge/kafka/client.h"

namespace weir::kafka {
namespace {

using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

template <typename Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Settings, ReadsPropertiesAndSkipsComments) {
  EXPECT_THAT(
      parse_properties("# secrets\nsecurity.protocol = SASL_SSL\r\n\nsasl.password=a=b", "f"),
      UnorderedElementsAre(Pair("security.protocol", "SASL_SSL"), Pair("sasl.password", "a=b")));
}

TEST(Settings, NamesTheLineThatIsNoProperty) {
  EXPECT_THAT(error_of([] { parse_properties("a=b\nnothing", "secrets.conf"); }),
              HasSubstr("secrets.conf line 2: wanted name=value"));
}

TEST(Settings, RefusesWhatExactlyOnceStandsOn) {
  EXPECT_THAT(error_of([] { parse_properties("isolation.level=read_uncommitted", "f"); }),
              HasSubstr("isolation.level is set by weir"));
}

TEST(Settings, AnUnknownPropertyIsNamedByTheClient) {
  Settings settings;
  settings.properties["sasl.pasword"] = "x";
  EXPECT_THAT(error_of([&] { make_configuration(settings); }), HasSubstr("sasl.pasword"));
}

}  // namespace
}  // namespace weir::kafka
