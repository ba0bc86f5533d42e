import "@manent/chat";
import { useRef, useState } from "react";
import { createRoot } from "react-dom/client";

function Page() {
  const chat = useRef(null);
  const [heard, setHeard] = useState("nothing yet");
  return (
    <main>
      <h1>A page in React</h1>
      <p>The assistant said: <output>{heard}</output></p>
      <button onClick={() => chat.current.open()}>Talk to us</button>
      <manent-chat
        ref={chat}
        heading="Ask us"
        server-url={import.meta.env.VITE_BOT ?? "http://localhost:5005"}
        onmanent-message={({ detail }) => detail.role === "bot" && setHeard(detail.body.text)}
      />
    </main>
  );
}

createRoot(document.querySelector("#app")).render(<Page />);
