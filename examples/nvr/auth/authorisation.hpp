#ifndef NVR_AUTH_AUTHORISATION_HPP
#define NVR_AUTH_AUTHORISATION_HPP

#include "http/message.hpp"

#include <optional>
#include <variant>

namespace nvr {

/// Leave to see cameras, recordings and video. Only `Authorisation` makes one.
class ViewGrant {
    friend class Authorisation;
    ViewGrant() = default;
};

/// Anybody may: the page itself, which shows nothing by itself.
class PublicGrant {
    friend class Authorisation;
    PublicGrant() = default;
};

/// Who may see what. Immutable.
class Authorisation {
public:
    struct Listener {
        bool is_loopback = true;
        /// The operator has said that everybody who can connect may view.
        bool allows_unauthenticated = false;
    };
    explicit Authorisation(Listener listener) noexcept : listener_{listener} {}

    /// A grant, or the answer for those who have none.
    template <class Grant>
    std::variant<Grant, http::Response> ask(const http::Request& request) const {
        if (auto refusal = refuse(request)) return std::move(*refusal);
        return Grant{};
    }

private:
    std::optional<http::Response> refuse(const http::Request& request) const;

    Listener listener_;
};

/// Whether a Host field names this machine to itself. Another name on a loopback listener comes from
/// a page elsewhere whose name was made to point here.
bool is_loopback_host(std::string_view host) noexcept;

}  // namespace nvr

#endif
