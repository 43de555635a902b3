#include "api/api.hpp"

#include "api/days.hpp"
#include "api/json.hpp"
#include "api/local_time.hpp"
#include "api/view.hpp"
#include "ui/files.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace nvr {

using namespace bobbin;
using http::error_response;
using http::Request;
using http::Response;

namespace {

using Captures = http::Router::Captures;

constexpr WallTime earliest{std::numeric_limits<std::int64_t>::min()};
constexpr WallTime latest{std::numeric_limits<std::int64_t>::max()};

Response json_response(const Json& json) {
    Response response;
    response.headers = {{"content-type", "application/json"}, {"cache-control", "private, no-cache"}};
    // Names come from outside; what is no UTF-8 must not stop the answer.
    response.body = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    return response;
}

std::optional<bool> flag(const Request& request, std::string_view name) {
    const auto value = request.target.parameter(name);
    if (!value || *value == "false") return false;
    if (*value == "true") return true;
    return {};
}

/// Nothing where the value is no number.
std::optional<std::int64_t> number(const Request& request, std::string_view name, std::int64_t otherwise) {
    const auto value = request.target.parameter(name);
    if (!value) return otherwise;
    std::int64_t parsed = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), parsed);
    if (error != std::errc{} || end != value->data() + value->size()) return {};
    return parsed;
}

/// The answers of one recorder.
class Api {
public:
    explicit Api(ApiParts parts) : parts_{std::move(parts)} {}

    Response top(const Request& request, ViewGrant) const {
        const auto days = flag(request, "days"), configs = flag(request, "cameraConfigs");
        if (!days || !configs) return error_response(400, "days and cameraConfigs are true or false.");
        const auto cameras = parts_.footage.catalog().cameras();
        if (!cameras) return response_for(cameras.error());
        Json json{{"timeZoneName", time_zone_name()},
                  {"serverVersion", NVR_VERSION},
                  {"serverTime90k", wall_time_from(SystemClock{}.realtime()).ticks},
                  {"cameras", Json::array()},
                  {"signals", Json::array()},
                  {"signalTypes", Json::array()},
                  {"permissions", {{"viewVideo", true}}}};
        for (const auto& camera : *cameras) {
            auto one = to_json(camera, *days, *configs);
            if (!one) return response_for(one.error());
            json["cameras"].push_back(std::move(*one));
        }
        return json_response(json);
    }

    Response camera(const Captures& captures, ViewGrant) const {
        const auto cameras = parts_.footage.catalog().cameras();
        if (!cameras) return response_for(cameras.error());
        const auto* found = find(*cameras, captures[0]);
        if (!found) return no_camera();
        auto json = to_json(*found, true, false);
        if (!json) return response_for(json.error());
        return json_response(*json);
    }

    Response recordings(const Request& request, const Captures& captures, ViewGrant) const {
        const auto stream = find_stream(captures);
        if (!stream) return response_for(stream.error());
        if (!*stream) return no_camera();
        const auto from = number(request, "startTime90k", earliest.ticks);
        const auto to = number(request, "endTime90k", latest.ticks);
        const auto split = number(request, "split90k", latest.ticks);
        const auto order = request.target.parameter("order").value_or("newest");
        if (!from || !to || !split || *split <= 0)
            return error_response(400, "startTime90k, endTime90k and split90k are whole numbers of 1/90000 s.");
        if (order != "newest" && order != "oldest") return error_response(400, "order is newest or oldest.");
        const auto found = parts_.footage.by_time(**stream, WallTime{*from}, WallTime{*to});
        if (!found) return response_for(found.error());
        auto merged = merge(*found, WallDuration{*split});
        if (order == "newest") std::ranges::reverse(merged);
        Json json{{"recordings", Json::array()}, {"videoSampleEntries", Json::object()}};
        for (const auto& one : merged) {
            json["recordings"].push_back(nvr::to_json(one));
            const auto id = std::to_string(one.sample_entry);
            if (json["videoSampleEntries"].contains(id)) continue;
            if (const auto entry = parts_.footage.entries().find(one.sample_entry))
                json["videoSampleEntries"][id] = nvr::to_json(*entry);
        }
        return json_response(json);
    }

    Response view(const Request& request, const Captures& captures, ViewGrant grant) const {
        const auto stream = find_stream(captures);
        if (!stream) return response_for(stream.error());
        if (!*stream) return no_camera();
        return view_mp4(parts_, **stream, request, grant);
    }

    Response init(const Captures& captures, ViewGrant grant) const {
        return initialization(parts_, captures[0], grant);
    }

private:
    static Response no_camera() { return error_response(404, "There is no such camera or stream."); }

    static const Camera* find(const std::vector<Camera>& cameras, std::string_view uuid) {
        const auto found = std::ranges::find_if(cameras, [&](const Camera& c) { return to_string(c.uuid) == uuid; });
        return found == cameras.end() ? nullptr : &*found;
    }

    Result<std::optional<StreamId>> find_stream(const Captures& captures) const {
        const auto kind = stream_kind(captures[1]);
        const auto cameras = parts_.footage.catalog().cameras();
        if (!cameras) return cameras.error();
        const auto* camera = find(*cameras, captures[0]);
        if (camera && kind)
            for (const auto& stream : camera->streams)
                if (stream.kind == *kind) return std::optional{stream.id};
        return std::optional<StreamId>{};
    }

    Result<Json> to_json(const Camera& camera, bool with_days, bool with_config) const {
        Json json{{"uuid", to_string(camera.uuid)},
                  {"id", camera.id},
                  {"shortName", camera.name},
                  {"description", camera.description},
                  {"streams", Json::object()}};
        if (with_config) json["config"] = Json::object();
        for (const auto& stream : camera.streams) {
            StreamDetails details;
            details.with_config = with_config;
            auto span = parts_.footage.catalog().span_of(stream.id);
            if (!span) return span.error();
            details.span = *span;
            if (const auto status = parts_.statuses.find(stream.id); status != parts_.statuses.end())
                details.status = status->second->snapshot();
            if (with_days) {
                auto days = days_json(stream.id);
                if (!days) return days.error();
                details.days = std::move(*days);
            }
            json["streams"][std::string{name_of(stream.kind)}] = nvr::to_json(stream, details);
        }
        return json;
    }

    Result<Json> days_json(StreamId stream) const {
        const auto recordings = parts_.footage.by_time(stream, earliest, latest);
        if (!recordings) return recordings.error();
        Json json = Json::object();
        for (const auto& [name, day] : days_of(*recordings))
            json[name] = {{"startTime90k", day.start.ticks},
                          {"endTime90k", day.end.ticks},
                          {"totalDuration90k", day.recorded.count}};
        return json;
    }

    ApiParts parts_;
};

Response page(const UiFile& file, bool is_index) {
    Response response;
    response.headers = {
        {"content-type", std::string{file.type}},
        {"cache-control", is_index ? "no-cache" : "public, max-age=31536000, immutable"}};
    if (is_index) {
        response.headers.emplace_back("content-security-policy",
                                      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                                      "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
                                      "form-action 'none'; frame-ancestors 'none'");
        response.headers.emplace_back("x-frame-options", "DENY");
        response.headers.emplace_back("cross-origin-opener-policy", "same-origin");
    }
    response.body = std::string{file.content};
    return response;
}

}  // namespace

std::unique_ptr<http::Router> make_router(Authorisation authorisation, ApiParts parts) {
    auto router = std::make_unique<http::Router>(authorisation);
    const auto api = std::make_shared<const Api>(std::move(parts));
    for (const auto& file : ui_files()) {
        const bool is_index = file.path == "/";
        router->get<PublicGrant>(file.path, {}, [&file, is_index](const Request&, const Captures&, PublicGrant) {
            return page(file, is_index);
        });
    }
    router->get<ViewGrant>("/api/", {"days", "cameraConfigs"},
                           [api](const Request& r, const Captures&, ViewGrant g) { return api->top(r, g); });
    router->get<ViewGrant>("/api/cameras/{}/", {},
                           [api](const Request&, const Captures& c, ViewGrant g) { return api->camera(c, g); });
    router->get<ViewGrant>(
        "/api/cameras/{}/{}/recordings", {"startTime90k", "endTime90k", "split90k", "order"},
        [api](const Request& r, const Captures& c, ViewGrant g) { return api->recordings(r, c, g); });
    router->get<ViewGrant>("/api/cameras/{}/{}/view.mp4", {"s", "ts"},
                           [api](const Request& r, const Captures& c, ViewGrant g) { return api->view(r, c, g); });
    router->get<ViewGrant>("/api/init/{}", {},
                           [api](const Request&, const Captures& c, ViewGrant g) { return api->init(c, g); });
    return router;
}

}  // namespace nvr
