#include "cli/check_command.hpp"

#include "catalog/recorder.hpp"
#include "catalog/schema.hpp"
#include "cli/program.hpp"
#include "cli/service.hpp"
#include "cli/sizes.hpp"

#include <bobbin/check.hpp>

#include <cstdio>
#include <filesystem>

namespace nvr {

using namespace bobbin;

namespace {

std::string text_of(const Finding& finding) {
    std::string text = finding.object ? std::string{ObjectName{finding.object}} : finding.name;
    text += ": ";
    switch (finding.kind) {
        case Disagreement::missing_file: text += "the recording has no file"; break;
        case Disagreement::wrong_size:
            text += "the file has " + std::to_string(finding.actual.value) + " bytes, its row says " +
                    std::to_string(finding.expected.value);
            break;
        case Disagreement::wrong_digest:
            text += "the bytes from " + std::to_string(finding.offset) + " on are not what was written";
            break;
        case Disagreement::wrong_blocks: text += "its digests in the catalog contradict each other"; break;
        case Disagreement::wrong_index:
            text += "its index is damaged: " + std::string{explain(static_cast<Errc>(finding.cause.code))};
            break;
        case Disagreement::unknown_format: text += "written in a format that this version does not know"; break;
        case Disagreement::unreadable: text += describe(finding.cause, "its file"); break;
        case Disagreement::quarantined: text += "damaged, and set aside when the recorder started"; break;
        case Disagreement::file_without_row: text += "a file that the catalog has never heard of"; break;
        case Disagreement::unfinished: text += "unfinished; the next start completes or removes it"; break;
        case Disagreement::garbage: text += "deleted; the next start removes it"; break;
        case Disagreement::foreign_file: text += "not a file of the recorder; left alone"; break;
    }
    return text;
}

/// The recorder's own rows against those of the store.
Result<std::uint64_t> check_rows(SqliteReader& reader) {
    struct Question {
        const char* sql;
        const char* text;
    };
    constexpr Question questions[] = {
        {"select id from object where state = 2 and id not in (select id from recording)",
         "the store has it, but no recording speaks of it"},
        {"select id from recording where id not in (select id from object where state = 2)",
         "a recording speaks of it, but the store has it not"},
        {"select r.id from recording r join object o on o.id = r.id where r.bytes <> o.size",
         "the recording and the store differ about its size"},
        {"select c.id << 32 from camera_stream c where (c.recordings, c.bytes, c.wall_duration_90k) <> "
         "(select count(*), coalesce(sum(bytes), 0), coalesce(sum(wall_duration_90k), 0) from recording "
         "where stream = c.id)",
         "the totals of its stream are not those of its recordings"},
    };
    std::uint64_t count = 0;
    for (const auto& question : questions) {
        auto select = reader.statement(question.sql);
        if (!select) return select.error();
        if (auto ok = select->bind(); !ok) return ok.error();
        const auto asked = select->each<ObjectId>([&](ObjectId id) {
            ++count;
            std::printf("%s: %s\n", std::string{ObjectName{id}}.c_str(), question.text);
        });
        if (!asked) return asked.error();
    }
    return count;
}

int failed(const Error& error, const std::string& path) {
    std::fprintf(stderr, "bobbin-nvr: %s\n", SqliteStore::describe(error, path).c_str());
    return exit_failed;
}

}  // namespace

int check_command(const std::string& directory, bool read_data) {
    const auto catalog = catalog_path(directory), footage = footage_path(directory);
    if (!std::filesystem::exists(catalog)) {
        std::fprintf(stderr, "bobbin-nvr: there is no recorder's catalog in %s\n", directory.c_str());
        return exit_usage;
    }
    SqliteOptions options;
    options.create = false;
    options.read_only = true;
    options.schema = {nvr_schema};
    auto store = SqliteStore::open(catalog, options);
    if (!store && store.error().kind() == ErrorKind::locked) {
        std::fprintf(stderr, "bobbin-nvr: the recorder is running on %s; stop it first\n", directory.c_str());
        return exit_failed;
    }
    if (!store) return failed(store.error(), catalog);
    auto reader = store->reader();
    if (!reader) return failed(reader.error(), catalog);
    if (auto ok = reader->snapshot(); !ok) return failed(ok.error(), catalog);
    auto place = PosixDirectory::open(footage);
    if (!place) return failed(place.error(), footage);

    CheckOptions with;
    with.read_data = read_data;
    const auto summary = check<Recorder>(*place, *reader, with, [](const Finding& finding) {
        std::printf("%s\n", text_of(finding).c_str());
    });
    if (!summary) return failed(summary.error(), footage);
    const auto rows = check_rows(*reader);
    if (!rows) return failed(rows.error(), catalog);

    const bool is_clean = summary->is_clean() && *rows == 0;
    std::printf("%llu recordings, %s", static_cast<unsigned long long>(summary->objects),
                readable(summary->bytes).c_str());
    if (read_data) std::printf(", %s of it read and compared", readable(summary->read).c_str());
    std::printf(is_clean ? ": all is well\n" : ": damage found, see above\n");
    return is_clean ? exit_ok : exit_damage;
}

}  // namespace nvr
