%% A gen_statem that does what its events say, and notes in which state it handled them.
-module(oracle_machine).
-behaviour(gen_statem).
-export([init/1, callback_mode/0, handle_event/4]).

callback_mode() -> handle_event_function.

init([]) -> {ok, idle, {[], none}}.

handle_event({call, From}, [log], _, {Log, _}) ->
    {keep_state_and_data, [{reply, From, list_to_atom(lists:concat(lists:join(",", lists:reverse(Log))))}]};
handle_event({call, From}, [go, Next], _, Data) ->
    {next_state, Next, Data, [{reply, From, ok}]};
handle_event({call, From}, [wait], _, {Log, _}) ->
    {keep_state, {Log, From}};
handle_event({call, From}, [stop, Reason, Value], _, _) ->
    {stop_and_reply, Reason, [{reply, From, Value}]};
handle_event(cast, [later, _], idle, _) ->
    {keep_state_and_data, [postpone]};
handle_event(cast, [later, What], State, Data) ->
    {keep_state, note(What, State, Data)};
handle_event(cast, [note, What], State, Data) ->
    {keep_state, note(What, State, Data)};
handle_event(cast, [insert, First, Second], _, _) ->
    {keep_state_and_data, [{next_event, internal, First}, {next_event, internal, Second}]};
handle_event(internal, What, State, Data) ->
    {keep_state, note(What, State, Data)};
handle_event(cast, [state_timeout, Ms, What], _, _) ->
    {keep_state_and_data, [{state_timeout, Ms, What}]};
handle_event(cast, [timeout, Name, Ms, What], _, _) ->
    {keep_state_and_data, [{{timeout, Name}, Ms, What}]};
handle_event(state_timeout, What, State, Data) ->
    {keep_state, fired(What, note(What, State, Data))};
handle_event({timeout, _}, What, State, Data) ->
    {keep_state, fired(What, note(What, State, Data))}.

note(What, State, {Log, Waiting}) -> {[lists:concat([What, "@", State]) | Log], Waiting}.

fired(_, {_, none} = Data) -> Data;
fired(What, {Log, From}) -> gen_statem:reply(From, What), {Log, none}.
