#include "cli/output.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <mutex>

namespace packs {

using namespace bobbin;

namespace {

/// Length of the well-formed UTF-8 sequence at the front; 0: there is none.
/// @source RFC 3629, section 4
std::size_t sequence_length(std::string_view bytes) {
    const auto at = [&](std::size_t n) { return static_cast<unsigned char>(bytes[n]); };
    const auto first = at(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xC2 && first <= 0xDF   ? 2
                               : first >= 0xE0 && first <= 0xEF ? 3
                               : first >= 0xF0 && first <= 0xF4 ? 4
                                                                : 0;
    if (length == 0 || bytes.size() < length) return 0;
    const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (at(1) < low || at(1) > high) return 0;
    for (std::size_t n = 2; n < length; ++n)
        if (at(n) < 0x80 || at(n) > 0xBF) return 0;
    return length;
}

/// C0, DEL and C1.
bool is_control(std::string_view sequence) {
    const auto first = static_cast<unsigned char>(sequence[0]);
    return first < 0x20 || first == 0x7F ||
           (first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0);
}

std::string escaped(std::string_view bytes, bool for_terminal) {
    std::string text;
    while (!bytes.empty()) {
        const auto length = sequence_length(bytes);
        if (length == 0 || (for_terminal && is_control(bytes.substr(0, length)))) {
            for (const char c : bytes.substr(0, std::max<std::size_t>(length, 1)))
                text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else if (bytes[0] == '\\') {
            text += "\\\\";
        } else {
            text += bytes.substr(0, length);
        }
        bytes.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return text;
}

/// `2026-11-29 10:20:30`, with `between` for the blank.
std::string calendar_text(const FileTime& time, bool is_local, char between) {
    const std::time_t seconds = time.seconds;
    std::tm t{};
    if (!(is_local ? ::localtime_r(&seconds, &t) : ::gmtime_r(&seconds, &t)))
        return fmt::format("@{}", time.seconds);
    return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}", std::int64_t{t.tm_year} + 1900,
                       t.tm_mon + 1, t.tm_mday, between, t.tm_hour, t.tm_min, t.tm_sec);
}

}  // namespace

std::string printable(std::string_view bytes) { return escaped(bytes, true); }
std::string json_text(std::string_view bytes) { return escaped(bytes, false); }

std::string readable(Bytes size) {
    constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    auto value = static_cast<double>(size.value);
    std::size_t unit = 0;
    for (; value >= 999.5 && unit + 1 < std::size(units); ++unit) value /= 1000;
    if (unit == 0) return fmt::format("{} B", size.value);
    return fmt::format("{:.{}f} {}", value, value < 9.95 ? 1 : 0, units[unit]);
}

FileTime file_time(std::int64_t nanoseconds) {
    auto seconds = nanoseconds / 1'000'000'000;
    auto rest = nanoseconds % 1'000'000'000;
    if (rest < 0) --seconds, rest += 1'000'000'000;
    return {seconds, static_cast<std::uint32_t>(rest)};
}

std::string local_time(const FileTime& time) { return calendar_text(time, true, ' '); }
std::string local_time(std::int64_t nanoseconds) { return local_time(file_time(nanoseconds)); }

std::string utc_time(const FileTime& time) {
    return fmt::format("{}.{:09}Z", calendar_text(time, false, 'T'), time.nanoseconds);
}
std::string utc_time(std::int64_t nanoseconds) { return utc_time(file_time(nanoseconds)); }

std::string bold(std::string_view text) {
    static const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
    return is_terminal ? fmt::format("\x1b[1m{}\x1b[0m", text) : std::string{text};
}

void print_line(const std::string& line) {
    // Whether it took all is asked at the end.
    (void)std::fputs((line + '\n').c_str(), stdout);
}
void print_json(const Json& json) { print_line(json.dump()); }
void print_error(const std::string& text) {
    std::fprintf(stderr, "bobbin-pack: %s\n", text.c_str());
}

Progress::Progress(const Common& common, std::function<std::string()> line) {
    if (common.is_json || common.is_quiet || ::isatty(STDERR_FILENO) != 1) return;
    thread_ = std::jthread{[line = std::move(line)](std::stop_token stop) {
        std::mutex mutex;
        std::condition_variable_any wake;
        std::unique_lock lock{mutex};
        for (;;) {
            wake.wait_for(lock, stop, std::chrono::milliseconds{200}, [] { return false; });
            if (stop.stop_requested()) break;
            std::fprintf(stderr, "\r%s\x1b[K", line().c_str());
        }
        std::fputs("\r\x1b[K", stderr);
    }};
}
Progress::~Progress() = default;

std::string Rate::of(std::uint64_t done, std::uint64_t all) const {
    const std::chrono::duration<double> past = std::chrono::steady_clock::now() - begin_;
    const auto rate = static_cast<double>(done) / std::max(past.count(), 0.001);
    auto text = readable(Bytes{static_cast<std::uint64_t>(rate)}) + "/s";
    if (all > done && rate > 0) {
        const auto left = static_cast<std::uint64_t>(static_cast<double>(all - done) / rate);
        text += fmt::format(", {}:{:02} left", left / 60, left % 60);
    }
    return text;
}

}  // namespace packs
