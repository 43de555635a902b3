// expect: no match for .operator\+.|invalid operands to binary expression
#include <bobbin/core/ticks.hpp>

#ifdef BOBBIN_CONTROL
auto sum = bobbin::MediaDuration{1} + bobbin::MediaDuration{2};
#else
auto sum = bobbin::MediaDuration{1} + bobbin::WallDuration{2};
#endif
