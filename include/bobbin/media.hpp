#ifndef BOBBIN_MEDIA_HPP
#define BOBBIN_MEDIA_HPP

#include <bobbin/media/clock_rules.hpp>
#include <bobbin/media/fragment.hpp>
#include <bobbin/media/mp4.hpp>
#include <bobbin/media/mp4_builder.hpp>
#include <bobbin/media/nal.hpp>
#include <bobbin/media/parameter_sets.hpp>
#include <bobbin/media/run.hpp>
#include <bobbin/media/sample_converter.hpp>
#include <bobbin/media/sample_entry.hpp>
#include <bobbin/media/segment.hpp>
#include <bobbin/media/sps.hpp>

#endif
