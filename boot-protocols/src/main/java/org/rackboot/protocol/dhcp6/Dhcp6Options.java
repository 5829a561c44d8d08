package org.rackboot.protocol.dhcp6;

import java.util.List;
import java.util.Optional;

/** The options of one message, in their order; some kinds may come more than once. */
public record Dhcp6Options(List<Dhcp6Option> all) {
    public Dhcp6Options {
        all = List.copyOf(all);
    }

    public static Dhcp6Options of(Dhcp6Option... options) {
        return new Dhcp6Options(List.of(options));
    }

    /** The first of its kind. */
    public <T extends Dhcp6Option> Optional<T> first(Class<T> kind) {
        for (Dhcp6Option option : all) {
            if (kind.isInstance(option)) {
                return Optional.of(kind.cast(option));
            }
        }
        return Optional.empty();
    }

    /** Whether there is one of that number, whatever its form. */
    public boolean has(int code) {
        return all.stream().anyMatch(option -> option.code() == code);
    }

    /** Whether the client wants to hear of that option. */
    public boolean asksFor(int code) {
        return first(Dhcp6Option.OptionRequest.class)
                .map(request -> request.codes().contains(code))
                .orElse(false);
    }
}
