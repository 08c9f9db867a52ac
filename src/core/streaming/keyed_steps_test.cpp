#include "core/streaming/keyed_steps.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "core/pipeline/pipeline.h"
#include "core/pipeline/test_bundle.h"
#include "core/streaming/decision_json.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

constexpr Seconds kStart = 1'566'432'000;
constexpr std::uint64_t kSeed = 11;

struct Logged {
  std::string text;
  Seconds at = 0;
};

std::string payment_text(std::uint64_t number, Seconds time) {
  const std::uint64_t bits = hash64(kSeed, number);
  return fmt::format(
      "{{\"transaction_id\":{},\"event_time\":\"{}\",\"customer_id\":{},\"terminal_id\":{},"
      "\"amount\":\"{}.50\"}}",
      number, format_datetime(time), bits % 7, bits / 7 % 3, bits / 21 % 200);
}

/// Payments ten minutes apart with outcomes, late ones, ones sent again, ones with a reused id,
/// ones ahead of their time, and what is no payment.
std::vector<Logged> some_log(std::uint64_t count) {
  std::vector<Logged> log;
  for (std::uint64_t number = 0; number < count; ++number) {
    const Seconds at = kStart + static_cast<Seconds>(number) * 600;
    const std::uint64_t kind = hash64(kSeed, number, 1) % 20;
    const auto add = [&](std::string text) { log.push_back({std::move(text), at}); };
    add(payment_text(number, kind == 0 ? at - 90'000 : at));
    if (kind == 1) add(log.back().text);
    if (kind == 2) add(payment_text(number, at + 3600 * 24));
    if (kind == 3) add(payment_text(number + 1'000'000, at + 3600));
    if (kind == 4) add("{ no payment");
    if (kind >= 10 && number >= 144) {
      std::string text = payment_text(number - 144, at - 144 * 600);
      text.back() = ',';
      add(text + R"("outcome":")" + (kind % 2 == 0 ? "fraud" : "genuine") +
          R"(","source":"chargeback"})");
    }
  }
  return log;
}

/// What one pipeline over the whole log writes, the position being the offset.
std::vector<std::string> unbroken(const Bundle& bundle, const std::vector<Logged>& log) {
  Pipeline pipeline(bundle);
  const Forest forest = Forest::parse_ubj(bundle.forest_ubj, "test");
  EventReader reader({});
  std::vector<std::string> written;
  for (std::size_t offset = 0; offset < log.size(); ++offset) {
    const Event event = {log[offset].text, std::nullopt, log[offset].at};
    const auto entry = reader.read(event, event.logged_at);
    const auto refuse = [&](const EventFault& fault) {
      written.push_back(fmt::format("{} {} {}", offset, fault.rule, fault.detail));
    };
    if (const auto* fault = std::get_if<EventFault>(&entry)) refuse(*fault);
    if (const auto* feedback = std::get_if<Feedback>(&entry)) pipeline.apply(*feedback);
    const auto* payment = std::get_if<Payment>(&entry);
    if (payment == nullptr) continue;
    const auto answer = pipeline.apply(*payment, event.logged_at);
    if (const auto* reject = std::get_if<Reject>(&answer)) {
      refuse(fault_of(*reject));
      continue;
    }
    Decision decision = std::get<Decision>(answer);
    if (decision.repeated) continue;
    decision.position = offset;
    const std::string reasons =
        decision.action == Action::kApprove
            ? ""
            : reasons_json(TreeShap(forest), bundle.features, pipeline.last_features());
    std::string text = fmt::format("{} {{", offset);
    append_decision_fields(text, decision,
                           {reasons, bundle.manifest.version, "champion", false, false});
    written.push_back(text + "}");
  }
  return written;
}

/// The same by keys, in batches of `size`, each step made anew for each batch: only bytes travel.
std::vector<std::string> by_keys(const Bundle& bundle,
                                 const std::vector<Logged>& log,
                                 std::size_t size) {
  std::map<std::int64_t, std::string> terminals;
  std::map<std::int64_t, std::string> customers;
  std::map<std::int64_t, std::string> written;  // By offset.
  for (std::size_t begin = 0; begin < log.size(); begin += size) {
    ParcelReader reader({});
    std::map<std::int64_t, std::vector<Parcel>> by_terminal;
    for (std::size_t offset = std::min(begin + size, log.size()); offset-- > begin;) {
      Parcel parcel = reader.read({log[offset].text, std::nullopt, log[offset].at}, 0,
                                  static_cast<std::int64_t>(offset));
      by_terminal[parcel.terminal_id].push_back(std::move(parcel));
    }
    std::map<std::int64_t, std::vector<std::string>> by_customer;
    TerminalStep first(bundle);
    for (const auto& [terminal, parcels] : by_terminal) {
      std::vector<std::string_view> all;
      for (const Parcel& parcel : parcels) all.push_back(parcel.bytes);
      for (Parcel& passed : first.run(terminal, terminals[terminal], all)) {
        by_customer[passed.customer_id].push_back(std::move(passed.bytes));
      }
    }
    CustomerStep second(bundle, true);
    for (const auto& [customer, parcels] : by_customer) {
      const std::vector<std::string_view> views(parcels.begin(), parcels.end());
      for (const StreamOutput& output : second.run(customer, customers[customer], views)) {
        if (output.is_reject) {
          const std::int64_t offset = std::stoll(output.key.substr(2));
          written[offset] =
              fmt::format("{} {} {}", offset, output.headers[0].second, output.headers[2].second);
        } else {
          const std::int64_t offset = std::stoll(output.headers[1].second);
          written[offset] = fmt::format("{} {}", offset, output.value);
        }
      }
    }
  }
  std::vector<std::string> found;
  for (const auto& [offset, text] : written) found.push_back(text);
  return found;
}

TEST(KeyedSteps, DecideWhatThePipelineDecides) {
  const Bundle bundle = stump_bundle();
  const auto log = some_log(1500);
  const auto wanted = unbroken(bundle, log);
  ASSERT_GT(wanted.size(), 1400u);
  for (const std::size_t size : {1u, 7u, 500u, 10'000u}) {
    EXPECT_EQ(by_keys(bundle, log, size), wanted) << "batches of " << size;
  }
}

TEST(KeyedSteps, RefuseTheStateOfAnotherBundle) {
  Bundle bundle = stump_bundle();
  ParcelReader reader({});
  const Parcel parcel = reader.read({payment_text(1, kStart), std::nullopt, kStart}, 0, 0);
  std::string state;
  TerminalStep(bundle).run(parcel.terminal_id, state, {parcel.bytes});
  bundle.manifest.version = "v2";
  EXPECT_THAT([&] { TerminalStep(bundle).run(parcel.terminal_id, state, {parcel.bytes}); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("of bundle v1, wanted")));
}

TEST(KeyedSteps, RefuseABundleWithBeliefs) {
  Bundle bundle = stump_bundle();
  bundle.beliefs_toml = "some";
  EXPECT_THAT([&] { TerminalStep{bundle}; },
              testing::ThrowsMessage<Error>(testing::HasSubstr("weir stream")));
}

}  // namespace
}  // namespace weir
