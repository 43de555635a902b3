#ifndef PACKS_CLI_OUTPUT_HPP
#define PACKS_CLI_OUTPUT_HPP

#include "store/repository.hpp"

#include <nlohmann/json.hpp>

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace packs {

using Json = nlohmann::ordered_json;

/// What all commands have in common.
struct Common {
    std::string store;
    bool is_json = false;
    bool is_quiet = false;
    std::chrono::milliseconds wait{0};
};

/// Bytes that stand for themselves in a terminal; all others as `\x1b`. The same for each, so that no name
/// can move the cursor or look like another.
std::string printable(std::string_view bytes);
/// UTF-8 as it is; else what JSON can hold, with `\x1b` for each byte that is none.
std::string json_text(std::string_view bytes);
/// `1.2 GB`
std::string readable(bobbin::Bytes size);
bobbin::FileTime file_time(std::int64_t nanoseconds);
/// `2026-11-29 10:20:30`, in local time. Of a time that no calendar has, the seconds since 1970: `@67768036191676800`
std::string local_time(const bobbin::FileTime& time);
std::string local_time(std::int64_t nanoseconds);
/// `2026-11-29T09:20:30.123456789Z`, or likewise.
std::string utc_time(const bobbin::FileTime& time);
std::string utc_time(std::int64_t nanoseconds);
/// In the terminal's bold, if standard output is one.
std::string bold(std::string_view text);

/// One line on standard output.
void print_line(const std::string& line);
void print_json(const Json& json);
/// One line on standard error, behind the program's name.
void print_error(const std::string& text);

/// A line on standard error, written again and again by a thread of its own, on a terminal only and
/// not where the output is for programs.
class Progress {
public:
    Progress(const Common& common, std::function<std::string()> line);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

private:
    std::jthread thread_;
};

/// Bytes per second since it was made, and what is left at that rate.
class Rate {
public:
    std::string of(std::uint64_t done, std::uint64_t all = 0) const;

private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace packs

#endif
