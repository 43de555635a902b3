#include "api/view.hpp"

#include "api/local_time.hpp"
#include "api/movie.hpp"
#include "api/selection.hpp"
#include "cli/log.hpp"

#include <bobbin/media/fragment.hpp>
#include <bobbin/media/mp4_builder.hpp>

#include <charconv>
#include <new>

namespace nvr {

using namespace bobbin;
using http::error_response;
using http::Response;

namespace {

constexpr std::size_t most_segments = 1 << 17;  // three months of one minute each
constexpr std::string_view media_caching = "private, max-age=3600";

media::IndexLoader loader_of(std::shared_ptr<ObjectFiles> files) {
    return [files = std::move(files)](ObjectId id) -> Result<media::IndexBytes> {
        try {
            return files->index(id);
        } catch (const std::bad_alloc&) {
            return Error{Errc::out_of_memory, Operation::read, id};
        }
    };
}

struct Chosen {
    media::Mp4Builder builder;
    bool is_empty = true;
    bool is_growing = false;
    bool is_complete = true;  ///< the last one asked for is there, so that none will follow
    std::size_t segments = 0;
    WallTime end{};
};

Result<void> add(Chosen& chosen, const ApiParts& parts, StreamId stream, const Selection& selection) {
    const auto recordings = parts.footage.by_number(stream, selection.first, selection.last);
    if (!recordings) return recordings.error();
    chosen.is_complete = chosen.is_complete && !recordings->empty() &&
                         recordings->back().id.sequence() == selection.last;
    for (const auto& part : select_parts(*recordings, selection)) {
        const auto& recording = *part.recording;
        media::Segment segment;
        segment.object = recording.id;
        segment.open = recording.open;
        segment.entry = parts.footage.entries().find(recording.sample_entry);
        segment.index = recording.index;
        segment.from = part.from;
        segment.to = part.to;
        segment.start = part.start;
        chosen.builder.add(std::move(segment));
        chosen.is_empty = false;
        ++chosen.segments;
        chosen.is_growing = chosen.is_growing || !recording.is_committed;
        chosen.end = std::max(chosen.end, part.end);
    }
    return {};
}

}  // namespace

Response response_for(const Error& error) {
    if (error.kind() == ErrorKind::stale) return error_response(404, "The recording is gone.");
    const auto text = SqliteStore::describe(error, "the catalog");
    log::error(text);
    return error_response(error.kind() == ErrorKind::transient ? 503 : 500, text);
}

Response view_mp4(const ApiParts& parts, StreamId stream, const http::Request& request, ViewGrant) {
    Chosen chosen{media::Mp4Builder{loader_of(parts.files)}};
    bool has_selection = false;
    for (const auto& [name, value] : request.target.parameters) {
        if (name == "ts") {
            if (value != "false" && value != "true") return error_response(400, "ts is true or false.");
            if (value == "true")
                chosen.builder.with_timestamps(&write_second, second_text_length, time_zone_key());
            continue;
        }
        const auto selection = parse_selection(value);
        if (!selection)
            return error_response(400, "s is START[-END][@OPEN][.[FROM]-[TO]], for example s=1-5 or s=7.0-900000.");
        has_selection = true;
        if (auto added = add(chosen, parts, stream, *selection); !added) return response_for(added.error());
        if (chosen.segments > most_segments)
            return error_response(400, "These are too many recordings for one file; ask for fewer.");
    }
    if (!has_selection) return error_response(400, "Say which recordings, for example s=1-5.");
    if (chosen.is_empty) return error_response(404, "Nothing of that is recorded, or it was deleted.");
    auto file = chosen.builder.build();
    if (!file) return response_for(file.error());
    Response response;
    response.headers.emplace_back("cache-control", chosen.is_growing || !chosen.is_complete ? "private, no-cache" : media_caching);
    response.entity = std::make_shared<Movie>(std::move(*file), parts.files, chosen.end);
    return response;
}

Response initialization(const ApiParts& parts, std::string_view name, ViewGrant) {
    std::uint32_t id = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    const auto rest = name.substr(static_cast<std::size_t>(end - name.data()));
    const auto entry = error == std::errc{} && rest == ".mp4" ? parts.footage.entries().find(id) : nullptr;
    if (!entry) return error_response(404, "There is no such sample entry.");
    const auto bytes = media::initialization_segment(*entry);
    if (!bytes) return response_for(bytes.error());
    const auto [w, h] = entry->aspect();
    Response response;
    response.body = as_text(*bytes);
    response.headers = {{"content-type", "video/mp4; codecs=\"" + entry->rfc6381 + "\""},
                        {"cache-control", std::string{media_caching}},
                        {"x-aspect", std::to_string(w) + ":" + std::to_string(h)}};
    return response;
}

}  // namespace nvr
