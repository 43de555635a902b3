#include "cli/check_command.hpp"

#include "catalog/recorder.hpp"
#include "catalog/schema.hpp"
#include "cli/program.hpp"
#include "cli/service.hpp"
#include "cli/sizes.hpp"

#include <bobbin/repair.hpp>

#include <cstdio>
#include <filesystem>

namespace nvr {

using namespace bobbin;

namespace {

std::string text_of(const Finding& finding) {
    std::string text = finding.object ? std::string{ObjectName{finding.object}} : finding.name;
    if (finding.kind == Disagreement::wrong_usage) text = "stream " + std::to_string(finding.object.stream().value);
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
        case Disagreement::quarantined: text += "damaged, and set aside"; break;
        case Disagreement::wrong_usage:
            text += "its recordings take " + std::to_string(finding.expected.value) + " bytes, the catalog says " +
                    std::to_string(finding.actual.value);
            break;
        case Disagreement::file_without_row: text += "a recording that was deleted, and is back"; break;
        case Disagreement::file_ahead: text += "a recording that the catalog has not heard of yet"; break;
        case Disagreement::unknown_stream: text += "of a stream that the catalog does not have"; break;
        case Disagreement::misplaced_file: text += "a recording whose place is another directory"; break;
        case Disagreement::unfinished: text += "unfinished: the next start would complete or remove it"; break;
        case Disagreement::unnumbered: text += "begun, and not in the catalog yet: the next start would remove it"; break;
        case Disagreement::garbage: text += "deleted; the next start removes it"; break;
        case Disagreement::foreign_file: text += "not a file of the recorder; left alone"; break;
    }
    return text;
}

std::string text_of(const RepairStep& step, bool is_done) {
    auto text = text_of(step.finding);
    switch (step.remedy) {
        case Remedy::none:
            if (is_damage(step.finding.kind)) text += "; left alone";
            break;
        case Remedy::quarantine: text += is_done ? "; set aside" : "; to be set aside: kept, but not played"; break;
        case Remedy::discard: text += is_done ? "; given up" : "; to be given up"; break;
        case Remedy::step_over:
            text += is_done ? "; kept: new recordings come behind it"
                            : "; to be kept: new recordings are to come behind it";
            break;
    }
    return text;
}

/// The recorder's own rows against those of the store.
Result<std::uint64_t> check_rows(SqliteStore& store) {
    auto reader = store.reader();
    if (!reader) return reader.error();
    if (auto ok = reader->snapshot(); !ok) return ok.error();
    struct Question {
        const char* sql;
        const char* text;
    };
    constexpr Question questions[] = {
        {"select id from object where state = 2 and id not in (select id from recording)",
         "the store has it, but no recording speaks of it"},
        {"select id from recording where id not in (select id from object where state in (2, 4))",
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
        auto select = reader->statement(question.sql);
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

int failed(const Error& error, const std::string& path, const std::string& advice = {}) {
    std::fprintf(stderr, "bobbin-nvr: %s%s\n", SqliteStore::describe(error, path).c_str(), advice.c_str());
    return exit_failed;
}

Result<CheckSummary> check_and_print(PosixDirectory& place, SqliteStore& store, const CheckOptions& with) {
    auto reader = store.reader();
    if (!reader) return reader.error();
    if (auto ok = reader->snapshot(); !ok) return ok.error();
    return check<Recorder>(place, *reader, with,
                           [](const Finding& finding) { std::printf("%s\n", text_of(finding).c_str()); });
}

Result<CheckSummary> repair_and_print(PosixDirectory& place, SqliteStore& store, const CheckRequest& request,
                                      const CheckOptions& with) {
    const auto plan = repair<Recorder>(place, store, {.apply = request.apply, .adopt = request.adopt, .check = with});
    if (!plan) return plan.error();
    for (const auto& step : plan->steps) std::printf("%s\n", text_of(step, request.apply).c_str());
    if (plan->adopts)
        std::printf("The recordings %s adopted%s\n", request.apply ? "are" : "would be",
                    request.apply ? ": the next start takes them" : "");
    if (!plan->changes_anything())
        std::printf("There is nothing to repair.\n");
    else if (request.apply)
        std::printf("Done.\n");
    else
        std::printf("Nothing was changed; add --apply to do this.\n");
    return plan->summary;
}

/// What to do about recordings that are refused.
std::string advice(const Error& error, bool adopts) {
    if (error.is(Errc::stream_unknown))
        return "; files of it are here, and a new camera would take them for its own: move all that begin with " +
               std::string{ObjectName{ObjectId{error.subject.value << 32}}}.substr(0, 8) + " elsewhere first";
    if (error.is(Errc::directory_missing_identity) && adopts) return "; no files here are like those in the catalog";
    if (error.is(Errc::directory_missing_identity) || error.is(Errc::directory_mismatch) ||
        error.is(Errc::identity_malformed))
        return ". What that would mean says bobbin-nvr check --adopt";
    return {};
}

}  // namespace

int check_command(const CheckRequest& request) {
    const auto& directory = request.directory;
    const auto catalog = catalog_path(directory), footage = footage_path(directory);
    if (!std::filesystem::exists(catalog)) {
        std::fprintf(stderr, "bobbin-nvr: there is no recorder's catalog in %s\n", directory.c_str());
        return exit_usage;
    }
    SqliteOptions options;
    options.create = false;
    options.read_only = !request.apply;
    options.schema = {nvr_schema};
    auto store = SqliteStore::open(catalog, options);
    if (!store && store.error().kind() == ErrorKind::locked) {
        std::fprintf(stderr, "bobbin-nvr: the recorder is running on %s; stop it first\n", directory.c_str());
        return exit_failed;
    }
    if (!store) return failed(store.error(), catalog);
    auto place = PosixDirectory::open(footage);
    if (!place) return failed(place.error(), footage);

    CheckOptions with;
    with.read_data = request.read_data;
    const auto summary = request.repair || request.adopt ? repair_and_print(*place, *store, request, with)
                                                         : check_and_print(*place, *store, with);
    if (!summary) return failed(summary.error(), footage, advice(summary.error(), request.adopt));
    const auto rows = check_rows(*store);
    if (!rows) return failed(rows.error(), catalog);

    const bool is_clean = summary->is_clean() && *rows == 0;
    std::printf("%llu recordings, %s", static_cast<unsigned long long>(summary->objects),
                readable(summary->bytes).c_str());
    if (request.read_data) std::printf(", %s of it read and compared", readable(summary->read).c_str());
    std::printf(is_clean ? ": all is well\n" : ": damage found, see above\n");
    return is_clean ? exit_ok : exit_damage;
}

}  // namespace nvr
