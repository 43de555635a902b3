#include "store/keep.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <functional>
#include <map>
#include <numeric>

namespace packs {

using bobbin::pack::Snapshot;

namespace {

std::tm local(const Snapshot& snapshot) {
    auto seconds = snapshot.time / 1'000'000'000;
    if (snapshot.time % 1'000'000'000 < 0) --seconds;
    const std::time_t time = seconds;
    std::tm parts{};
    ::localtime_r(&time, &parts);
    return parts;
}

/// Names the period that a time lies in.
using Period = std::array<int, 4>;

/// The year and week of the Thursday of the same week.
/// @source ISO 8601, week dates
Period week_of(std::tm t) {
    t.tm_mday += 3 - (t.tm_wday + 6) % 7;
    t.tm_hour = 12;
    t.tm_isdst = -1;
    std::mktime(&t);
    return {t.tm_year, t.tm_yday / 7};
}

}  // namespace

bool is_automatic(const Snapshot& snapshot) {
    return std::ranges::find(snapshot.tags, automatic_tag) != snapshot.tags.end();
}

std::vector<bool> choose_kept(const std::vector<Snapshot>& snapshots, const KeepRules& rules) {
    std::vector<bool> kept(snapshots.size());
    for (std::size_t n = 0; n < snapshots.size(); ++n)
        kept[n] = std::ranges::any_of(rules.tags, [&](const std::string& tag) {
            return std::ranges::find(snapshots[n].tags, tag) != snapshots[n].tags.end();
        });

    std::map<std::string, std::vector<std::size_t>> paths;
    for (std::size_t n = snapshots.size(); n > 0; --n) {
        const auto& s = snapshots[n - 1];
        paths[(is_automatic(s) ? 'a' : 's') + s.host + '\0' + s.path].push_back(n - 1);
    }
    using PeriodOf = std::function<Period(const Snapshot&)>;
    const std::pair<unsigned, PeriodOf> periods[] = {
        {rules.hourly,
         [](const Snapshot& s) {
             const auto t = local(s);
             return Period{t.tm_year, t.tm_yday, t.tm_hour, t.tm_isdst};
         }},
        {rules.daily,
         [](const Snapshot& s) {
             const auto t = local(s);
             return Period{t.tm_year, t.tm_yday};
         }},
        {rules.weekly, [](const Snapshot& s) { return week_of(local(s)); }},
        {rules.monthly,
         [](const Snapshot& s) {
             const auto t = local(s);
             return Period{t.tm_year, t.tm_mon};
         }},
        {rules.yearly, [](const Snapshot& s) { return Period{local(s).tm_year}; }}};
    const bool counts =
        rules.last != 0 || std::ranges::any_of(periods, [](const auto& p) { return p.first != 0; });
    for (auto& [path, newest_first] : paths) {
        // Whatever a clock that was wrong says of others, the last save stays.
        const auto last =
            std::min<std::size_t>(std::max(rules.last, counts ? 1U : 0U), newest_first.size());
        for (std::size_t n = 0; n < last; ++n) kept[newest_first[n]] = true;
        // Periods go by time: a clock that was put back does not make an old save a new one.
        std::ranges::stable_sort(newest_first, [&](std::size_t a, std::size_t b) {
            return snapshots[a].time > snapshots[b].time;
        });
        for (const auto& [count, period_of] : periods) {
            auto left = count;
            std::optional<Period> before;
            for (const auto n : newest_first) {
                if (left == 0) break;
                const auto period = period_of(snapshots[n]);
                if (before == period) continue;
                before = period;
                kept[n] = true;
                --left;
            }
        }
    }
    return kept;
}

}  // namespace packs
