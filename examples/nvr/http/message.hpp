#ifndef NVR_HTTP_MESSAGE_HPP
#define NVR_HTTP_MESSAGE_HPP

#include "http/entity.hpp"
#include "http/target.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nvr::http {

enum class Method : std::uint8_t { get, head, other };

struct Headers {
    std::vector<std::pair<std::string, std::string>> fields;  ///< names in lower case

    /// The field's value; of several their list. Empty where there is none.
    std::string get(std::string_view name) const {
        std::string value;
        bool is_first = true;
        for (const auto& [field, text] : fields) {
            if (field != name) continue;
            if (!is_first) value += ", ";
            is_first = false;
            value += text;
        }
        return value;
    }
    bool has(std::string_view name) const noexcept {
        for (const auto& field : fields)
            if (field.first == name) return true;
        return false;
    }
};

struct Request {
    Method method = Method::get;
    Target target;
    Headers headers;
};

/// What a handler answers: a text, or an entity of which the server sends what was asked for.
struct Response {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::shared_ptr<Entity> entity;  ///< takes the place of `body`; ranges and conditions apply
};

/// A short text that says what to do.
Response error_response(int status, std::string_view what_to_do);

std::string_view reason_phrase(int status) noexcept;

}  // namespace nvr::http

#endif
