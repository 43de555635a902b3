#ifndef BOBBIN_FILE_PREALLOCATION_HPP
#define BOBBIN_FILE_PREALLOCATION_HPP

#include <bobbin/file/detail/file_calls.hpp>
#include <bobbin/file/report.hpp>

namespace bobbin {

/// Asks for blocks for a file that is expected to grow to `expected`; its size stays as it is. Where
/// that fails, what the system grabbed all the same is given back at once. Skipped for a hint that
/// is larger than the disk, on copy-on-write file systems, where it costs space and gains nothing,
/// and where the call is missing; the report says why.
/// @param file the lowest file
template <class File>
PreallocationReport preallocate(File& file, Bytes expected, FileSystemTraits traits) noexcept {
    using Outcome = PreallocationReport::Outcome;
    PreallocationReport report;
    if (expected <= file.size()) return report;
    report.asked = expected;
    const auto skip = [&](Error why) {
        report.outcome = Outcome::skipped;
        report.error = why;
        return report;
    };
    if (traits.is_copy_on_write || traits.is_memory)
        return skip({Errc::not_supported, Operation::preallocate});
    if (const auto space = file::detail::space(file);
        space && expected - file.size() > space->available)
        return skip(Error::system(ENOSPC, Operation::preallocate));
    auto allocated = file::detail::preallocate(file, expected);
    if (allocated) {
        report.outcome = Outcome::done;
        return report;
    }
    if (file::detail::is_not_supported(allocated)) return skip(allocated.error());
    report.outcome = Outcome::refused;
    report.error = allocated.error();
    // A refused one may hold most of the disk.
    if (auto cut = file::detail::truncate(file, file.size()); !cut) report.error = cut.error();
    return report;
}

/// Gives back the blocks that lie past the end, once.
template <class File>
Result<void> trim(File& file, PreallocationReport& report) noexcept {
    if (report.outcome != PreallocationReport::Outcome::done) return {};
    const auto surplus = report.asked - file.size();
    report.outcome = PreallocationReport::Outcome::none;
    if (surplus == Bytes{}) return {};
    auto cut = file::detail::truncate(file, file.size());
    if (cut)
        report.given_back = surplus;
    else
        report.error = cut.error();
    return cut;
}

}  // namespace bobbin

#endif
